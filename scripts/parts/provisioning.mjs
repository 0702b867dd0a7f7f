/** The roles and the database that migrations and the application expect; what a DBA does once in production. */
export async function provision(postgres, secrets, database = 'modelplane') {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: postgres.adminUrl });
  await client.connect();
  try {
    for (const [role, password, attributes] of [
      ['modelplane_owner', secrets.database_owner_password, 'CREATEROLE'],
      ['modelplane_app', secrets.database_app_password, 'NOCREATEROLE'],
      ['modelplane_system', secrets.database_system_password, 'NOCREATEROLE'],
    ]) {
      const { rowCount } = await client.query('select 1 from pg_roles where rolname = $1', [role]);
      if (rowCount) continue;
      // A plain role: row-level security holds for it, and it can make neither roles nor databases it was not given.
      await client.query(
        `create role ${role} login nosuperuser nobypassrls nocreatedb ${attributes} password ${client.escapeLiteral(password)}`,
      );
    }
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [database]);
    if (!rowCount)
      await client.query(`create database ${client.escapeIdentifier(database)} owner modelplane_owner`);
  } finally {
    await client.end();
  }
  return databaseUrls(postgres, secrets, database);
}

export const databaseUrls = (postgres, secrets, database) => ({
  migrationUrl: postgres.url('modelplane_owner', secrets.database_owner_password, database),
  appUrl: postgres.url('modelplane_app', secrets.database_app_password, database),
  systemUrl: postgres.url('modelplane_system', secrets.database_system_password, database),
});
