import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { SYSTEM } from './database.js';

interface Role {
  name: string;
  bypasses: boolean;
  owned: number;
}

/** Refuses to start as a role that row-level security would not hold. */
@Injectable()
export class RoleCheck implements OnModuleInit {
  constructor(
    @InjectDataSource() private readonly app: DataSource,
    @InjectDataSource(SYSTEM) private readonly system: DataSource,
  ) {}

  async onModuleInit(): Promise<void> {
    for (const source of [this.app, this.system]) {
      const [role] = await source.query<Role[]>(
        `select rolname as name, rolsuper or rolbypassrls as bypasses,
                (select count(*)::int from pg_class where relowner = pg_roles.oid and relkind in ('r', 'p')) as owned
         from pg_roles where rolname = current_user`,
      );
      if (!role || role.bypasses || role.owned > 0) {
        throw new Error(
          `the database role ${role?.name} must not be a superuser, have BYPASSRLS or own tables: ` +
            'row-level security would not hold it',
        );
      }
    }
  }
}
