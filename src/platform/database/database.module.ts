import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DatabaseConfig, RuntimeConfig } from '../../config/index.js';
import { Database, SYSTEM } from './database.js';
import { dataSourceOptions } from './data-source.js';
import { RoleCheck } from './role-check.js';

/** A caller of the API learns within 3 s that the database does not answer; a worker has time for a long statement. */
const statementMs = ({ runsWorker }: RuntimeConfig): number => (runsWorker ? 30_000 : 2000);

@Global()
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [DatabaseConfig, RuntimeConfig],
      useFactory: (config: DatabaseConfig, runtime: RuntimeConfig) => ({
        ...dataSourceOptions(config.url, config.poolSize, statementMs(runtime)),
        autoLoadEntities: true,
        retryAttempts: 3,
        retryDelay: 1000,
      }),
    }),
    TypeOrmModule.forRootAsync({
      name: SYSTEM,
      inject: [DatabaseConfig, RuntimeConfig],
      useFactory: (config: DatabaseConfig, runtime: RuntimeConfig) => ({
        ...dataSourceOptions(config.systemUrl, 4, statementMs(runtime)),
        retryAttempts: 3,
        retryDelay: 1000,
      }),
    }),
  ],
  providers: [Database, RoleCheck],
  exports: [Database],
})
export class DatabaseModule {}
