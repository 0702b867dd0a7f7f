import { Client } from 'pg';
import { cloneDatabase, type TestDatabase } from './support/database.js';
import { fillVersion } from './support/versions.js';

describe('the files of a version', () => {
  let database: TestDatabase;
  const MODEL = '01932b6e-0000-7000-8000-000000000001';
  const VERSION = `(select id from model_versions where model_id = '${MODEL}')`;

  beforeEach(async () => {
    database = await cloneDatabase();
    await database.query(
      `insert into models (id, tenant_id, name, model_type, framework, created_by)
       values ($1, 'acme-corp', 'churn', 'classification', 'sklearn', 'ana')`,
      [MODEL],
    );
  });
  afterEach(() => database.drop());

  const openVersion = () =>
    database.query(
      `insert into model_versions (id, tenant_id, model_id, major, minor, patch, framework, created_by)
       values (gen_random_uuid(), 'acme-corp', $1, 1, 0, 0, 'sklearn', 'ana')`,
      [MODEL],
    );
  const addFile = (name: string, sha256 = 'cd'.repeat(32), size = 1) =>
    database.query(
      `insert into version_files (tenant_id, version_id, name, sha256, size) values ('acme-corp', ${VERSION}, $1, $2, $3)`,
      [name, sha256, size],
    );
  const REFUSED = { code: '23514', constraint: 'version_files_filled_check' };

  it('should hold a model wherever the version is filled', async () => {
    await openVersion();
    const filling = `update model_versions set signature = '{}', filled_at = now()`;
    await expect(database.query(filling)).rejects.toMatchObject(REFUSED);
    await fillVersion(database, MODEL, '1.0.0');
    await addFile('core');
    await database.query(`delete from version_files where name = 'core'`);
    await expect(database.query(`delete from version_files`)).rejects.toMatchObject(REFUSED);
    const renamed = `update version_files set name = 'core'`;
    await expect(database.query(renamed)).rejects.toMatchObject(REFUSED);
  });

  it('should hold no model where the version is not filled', async () => {
    await openVersion();
    await expect(addFile('model')).rejects.toMatchObject(REFUSED);
    await fillVersion(database, MODEL, '1.0.0');
    const emptied = `update model_versions set signature = null, filled_at = null`;
    await expect(database.query(emptied)).rejects.toMatchObject(REFUSED);
  });

  it('should go with the version', async () => {
    await fillVersion(database, MODEL, '1.0.0');
    await database.query('delete from models');
    expect(await database.query('select from version_files')).toEqual([]);
  });

  it.each([
    ['of an unknown name', 'weights', undefined, undefined, 'version_files_name_check'],
    ['whose digest is no SHA-256', 'core', 'AB'.repeat(32), undefined, 'version_files_sha256_check'],
    ['without a byte', 'core', undefined, 0, 'version_files_size_check'],
    ['twice', 'model', undefined, undefined, 'version_files_pkey'],
  ])('should not be one %s', async (_, name, sha256, size, constraint) => {
    await fillVersion(database, MODEL, '1.0.0');
    await expect(addFile(name, sha256, size)).rejects.toMatchObject({ constraint });
  });

  it('should not be changed by the service', async () => {
    await fillVersion(database, MODEL, '1.0.0');
    const client = new Client({ connectionString: database.appUrl });
    await client.connect();
    try {
      await client.query(`select set_config('app.tenant_id', 'acme-corp', false)`);
      expect((await client.query('select from version_files')).rowCount).toBe(1);
      for (const sql of ['update version_files set size = 2', 'delete from version_files'])
        await expect(client.query(sql)).rejects.toMatchObject({ code: '42501' });
    } finally {
      await client.end();
    }
  });
});
