import pg from 'pg';
import type { DatabaseConfig } from '../../../config/index.js';
import { timeOf } from '../request-ids.js';
import { COLUMNS } from './log-entry.js';

const CONNECT_MS = 3000;
const STATEMENT_MS = 20_000;

const NAMES = COLUMNS.map(([name]) => name).join(', ');
const INSERT = `insert into prediction_log (${NAMES})
  select ${NAMES} from json_to_recordset($1::json) as row (${COLUMNS.map((column) => column.join(' ')).join(', ')})
  on conflict do nothing`;

/** Has features and outputs over 2 KB compressed by LZ4: PostgreSQL's own method takes longer than the whole rest of the statement. */
const COMPRESS = `select set_config(name, 'lz4', false) from pg_settings
  where name = 'default_toast_compression' and 'lz4' = any(enumvals)`;

const DAY_MS = 24 * 3600_000;

/** SQLSTATE classes that say that a row itself is at fault: data exception, integrity constraint violation. */
const ROW_AT_FAULT = /^2[23]/;
/** SQLSTATE of a row for whose day there is no partition, among others. */
const CHECK_VIOLATION = '23514';

/** Writes rows of every tenant on a connection of its own, as the role that may insert them and read none. */
export class LogWriter {
  private client?: pg.Client;

  constructor(private readonly config: Pick<DatabaseConfig, 'systemUrl'>) {}

  /**
   * One statement; where a row is at fault, halves until only that row is left out. What is there already stays.
   * @param text JSON objects with commas between them
   * @param refuse gets each row that the database will never take
   * @throws what a database that is away, or not migrated, throws
   */
  async insert(text: string, refuse: (reason: Error) => void): Promise<void> {
    try {
      await this.query(INSERT, [`[${text}]`]);
    } catch (error) {
      if (!isRowAtFault(error)) throw error;
      const rows = JSON.parse(`[${text}]`) as { request_id: string }[];
      if (error.code === CHECK_VIOLATION && (await this.makePartitionsFor(rows)))
        return this.insert(text, refuse);
      if (rows.length === 1) return refuse(error);
      const half = rows.length >> 1;
      for (const part of [rows.slice(0, half), rows.slice(half)])
        await this.insert(part.map((row) => JSON.stringify(row)).join(','), refuse);
    }
  }

  async close(): Promise<void> {
    await this.client?.end().catch(() => undefined);
  }

  /** Rows may wait so long, or come so soon, that there is no partition of their day. @returns whether one was made */
  private async makePartitionsFor(rows: { request_id: string }[]): Promise<boolean> {
    const times = rows.map(({ request_id }) => timeOf(request_id));
    let made = 0;
    for (const each of new Set(times.map((time) => Math.floor(time / DAY_MS)))) {
      const day = new Date(each * DAY_MS).toISOString().slice(0, 10);
      try {
        const [row] = await this.query('select make_prediction_log_partitions($1, $1) as made', [day]);
        made += (row as { made: number }).made;
      } catch (error) {
        // No partition is made for a day that is out of all bounds.
        if (!isRowAtFault(error)) throw error;
      }
    }
    return made > 0;
  }

  private async query(sql: string, parameters: unknown[]): Promise<object[]> {
    const client = (this.client ??= await this.connect());
    try {
      return (await client.query<object>(sql, parameters)).rows;
    } catch (error) {
      if (!isRowAtFault(error)) {
        this.client = undefined;
        client.end().catch(() => undefined);
      }
      throw error;
    }
  }

  private async connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.config.systemUrl,
      application_name: 'modelplane prediction log',
      connectionTimeoutMillis: CONNECT_MS,
      statement_timeout: STATEMENT_MS,
      query_timeout: STATEMENT_MS + 1000,
      keepAlive: true,
    });
    client.on('error', () => (this.client = undefined));
    await client.connect();
    await client.query(COMPRESS);
    return client;
  }
}

function isRowAtFault(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && ROW_AT_FAULT.test(error.code ?? '');
}
