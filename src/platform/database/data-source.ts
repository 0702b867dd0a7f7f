import { DataSource, type DataSourceOptions } from 'typeorm';
import { migrations } from '../../../migrations/index.js';
import { SnakeCaseNamingStrategy } from './naming-strategy.js';
import { clientWithSilenceLimit } from './silence-limit.js';

/** Longest wait for a connection, whether it has to be made or another request has it. */
export const CONNECT_MS = 2000;
/** Between the server's own limit and ours: the time its refusal needs to arrive. */
const GRACE_MS = 500;

/**
 * What every connection of ours has in common.
 * @param statementMs longest that one statement may take; a little later a silent server counts as away
 */
export function dataSourceOptions(
  url: string,
  poolSize: number,
  statementMs = 30_000,
): DataSourceOptions & { type: 'postgres' } {
  return {
    type: 'postgres',
    url,
    poolSize,
    connectTimeoutMS: CONNECT_MS,
    applicationName: 'modelplane',
    namingStrategy: new SnakeCaseNamingStrategy(),
    migrationsRun: false,
    synchronize: false,
    extra: {
      statement_timeout: statementMs,
      idle_in_transaction_session_timeout: 30_000,
      Client: clientWithSilenceLimit(statementMs + GRACE_MS),
      keepAlive: true,
    },
  };
}

/** A data source of the role that owns the tables; only migrations and their check use it. */
export function ownerDataSource(url: string, entities: DataSourceOptions['entities'] = []): DataSource {
  return new DataSource({
    ...dataSourceOptions(url, 2),
    extra: {},
    entities,
    migrations,
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
  });
}
