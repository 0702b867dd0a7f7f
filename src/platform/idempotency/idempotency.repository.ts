import { Injectable } from '@nestjs/common';
import { HttpConfig } from '../../config/index.js';
import { Database, type TenantScope } from '../database/database.js';
import { IdempotencyKey } from './idempotency-key.entity.js';

/** SQL of the answers that are kept under an Idempotency-Key. */
@Injectable()
export class IdempotencyRepository {
  constructor(
    private readonly database: Database,
    private readonly config: HttpConfig,
  ) {}

  /** Holds the key until the transaction ends; false where another request holds it. */
  async tryLock({ manager, tenant }: TenantScope, key: string): Promise<boolean> {
    const [row] = await manager.query('select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as locked', [
      `idempotency ${tenant} ${key}`,
    ]);
    return (row as { locked: boolean }).locked;
  }

  async find({ manager, tenant }: TenantScope, key: string): Promise<IdempotencyKey | null> {
    await manager.query(
      'delete from idempotency_keys where tenant_id = $1 and key = $2 and created_at < now() - make_interval(hours => $3)',
      [tenant, key, this.config.idempotencyHours],
    );
    return manager.findOneBy(IdempotencyKey, { tenantId: tenant, key });
  }

  async insert({ manager, tenant }: TenantScope, row: Partial<IdempotencyKey>): Promise<void> {
    await manager.insert(IdempotencyKey, { ...row, tenantId: tenant } as never);
  }

  /** Deletes what has been kept long enough, of every tenant. */
  async sweep(): Promise<number> {
    const [, deleted] = await this.database.system.query(
      'delete from idempotency_keys where created_at < now() - make_interval(hours => $1)',
      [this.config.idempotencyHours],
    );
    return deleted as number;
  }
}
