import pg from 'pg';

/** Reads the database past the service, on a connection a question: the server may have died since the last. */
export class Ledger {
  constructor(url) {
    this.url = url;
  }

  async rows(sql, parameters = []) {
    const client = new pg.Client({
      connectionString: this.url,
      connectionTimeoutMillis: 2000,
      query_timeout: 2000,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      return (await client.query(sql, parameters)).rows;
    } finally {
      client.connection.stream.destroy();
    }
  }

  /** Process id of the worker that has a job, if one has. */
  async holderOf(jobId) {
    const [row] = await this.rows('select worker from jobs where id = $1', [jobId]);
    return Number(row?.worker?.split(':').at(-1));
  }

  /** Whether a job has ended, or was held by a worker after `since`; false while the database is away. */
  async isInHand(jobId, since) {
    const sql = `select from jobs where id = $1
                 and (ended_at is not null or (status = 'running' and updated_at > $2 and lease_until > now()))`;
    try {
      return (await this.rows(sql, [jobId, new Date(since)])).length > 0;
    } catch {
      return false;
    }
  }
}
