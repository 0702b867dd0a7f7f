import { DataSource, type DataSourceOptions } from 'typeorm';
import { migrations } from '../../../migrations/index.js';
import { SnakeCaseNamingStrategy } from './naming-strategy.js';

/** What every connection of ours has in common. */
export function dataSourceOptions(url: string, poolSize: number): DataSourceOptions & { type: 'postgres' } {
  return {
    type: 'postgres',
    url,
    poolSize,
    connectTimeoutMS: 3000,
    applicationName: 'modelplane',
    namingStrategy: new SnakeCaseNamingStrategy(),
    migrationsRun: false,
    synchronize: false,
    extra: {
      statement_timeout: 30_000,
      idle_in_transaction_session_timeout: 30_000,
      // A connection that is cut without a word would otherwise be waited for without end.
      query_timeout: 35_000,
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
