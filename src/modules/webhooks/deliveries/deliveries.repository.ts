import { Injectable } from '@nestjs/common';
import { Database, type TenantScope } from '../../../platform/database/database.js';
import { type DeliveryState, WebhookDelivery } from './webhook-delivery.entity.js';

/** What an attempt leaves behind. */
export interface AttemptResult {
  status: number | null;
  error: string | null;
}

export type NewDelivery = Pick<
  WebhookDelivery,
  'id' | 'webhookId' | 'eventId' | 'sequence' | 'type' | 'body'
>;

/** SQL of deliveries: those of a tenant, and whose turn it is among all. Every time in it is of the database's clock. */
@Injectable()
export class DeliveriesRepository {
  constructor(private readonly database: Database) {}

  async insert({ manager, tenant }: TenantScope, deliveries: readonly NewDelivery[]): Promise<void> {
    const rows = deliveries.map((delivery) => ({
      ...delivery,
      tenantId: tenant,
      state: 'pending' as const,
    }));
    await manager.insert(WebhookDelivery, rows);
  }

  /** Pending deliveries by webhook; those that have none are not among the keys. */
  async countPending({ manager, tenant }: TenantScope, webhooks: string[]): Promise<Map<string, number>> {
    const rows = (await manager.query(
      `select webhook_id as webhook, count(*)::int as pending from webhook_deliveries
       where tenant_id = $1 and webhook_id = any($2) and state = 'pending' group by webhook_id`,
      [tenant, webhooks],
    )) as { webhook: string; pending: number }[];
    return new Map(rows.map(({ webhook, pending }) => [webhook, pending]));
  }

  find({ manager, tenant }: TenantScope, webhookId: string, id: string): Promise<WebhookDelivery | null> {
    return manager.findOneBy(WebhookDelivery, { tenantId: tenant, webhookId, id });
  }

  /** Newest first. */
  list(
    { manager, tenant }: TenantScope,
    webhookId: string,
    { state, before, limit }: { state?: DeliveryState; before?: string; limit: number },
  ): Promise<WebhookDelivery[]> {
    const query = manager
      .createQueryBuilder(WebhookDelivery, 'delivery')
      .where('delivery.tenant_id = :tenant and delivery.webhook_id = :webhookId', { tenant, webhookId })
      .orderBy('delivery.id', 'DESC')
      .limit(limit);
    if (state) query.andWhere('delivery.state = :state', { state });
    if (before) query.andWhere('delivery.id < :before', { before });
    return query.getMany();
  }

  /**
   * What is to be tried now: the first of those in order, or one that was set aside, whichever has been due for longer.
   * Those behind the first one in order wait for it.
   */
  nextDue({ manager, tenant }: TenantScope, webhookId: string): Promise<WebhookDelivery | null> {
    return manager
      .createQueryBuilder(WebhookDelivery, 'delivery')
      .where(
        `delivery.id in (
           (select id from webhook_deliveries where webhook_id = :webhookId and state = 'pending' and not set_aside
            order by sequence limit 1)
           union all
           (select id from webhook_deliveries where webhook_id = :webhookId and state = 'pending' and set_aside
            order by due_at, sequence limit 1))`,
        { webhookId },
      )
      .andWhere('delivery.tenant_id = :tenant and delivery.due_at <= clock_timestamp()', { tenant })
      .orderBy('delivery.due_at')
      .addOrderBy('delivery.sequence')
      .limit(1)
      .getOne();
  }

  /**
   * Ends a delivery with its attempt, or has it wait for the next one.
   * @param attempts how many it had before
   * @param after `state` it ends in, or the wait in seconds
   * @returns false where it is not as it was before the attempt
   */
  async endAttempt(
    { manager, tenant }: TenantScope,
    { id, attempts }: Pick<WebhookDelivery, 'id' | 'attempts'>,
    { status, error }: AttemptResult,
    after: { state: 'delivered' | 'dead' } | { waitSeconds: number; setAside: boolean },
  ): Promise<boolean> {
    const state = 'state' in after ? after.state : 'pending';
    const { waitSeconds = 0, setAside = null } = 'state' in after ? {} : after;
    const [, changed] = await manager.query(
      `update webhook_deliveries
       set attempts = attempts + 1, last_status = $4, last_error = $5, last_attempt_at = clock_timestamp(),
           first_attempt_at = coalesce(first_attempt_at, clock_timestamp()), state = $6,
           ended_at = case when $6 = 'pending' then null else clock_timestamp() end,
           due_at = clock_timestamp() + make_interval(secs => $7), set_aside = coalesce($8, set_aside)
       where tenant_id = $1 and id = $2 and attempts = $3 and state = 'pending'`,
      [tenant, id, attempts, status, error, state, waitSeconds, setAside],
    );
    return changed === 1;
  }

  /** Has deliveries tried anew and now, each for itself: one, or all that are in a state. @returns how many */
  async sendAgain(
    { manager, tenant }: TenantScope,
    webhookId: string,
    which: { id: string } | { state: DeliveryState },
  ): Promise<number> {
    const result = await manager
      .createQueryBuilder()
      .update(WebhookDelivery)
      .set({
        state: 'pending',
        setAside: true,
        attempts: 0,
        firstAttemptAt: null,
        endedAt: null,
        dueAt: () => 'clock_timestamp()',
      })
      .where({ tenantId: tenant, webhookId, ...which })
      .execute();
    return result.affected ?? 0;
  }

  /** Gives up all that wait for a webhook. */
  async abandon({ manager, tenant }: TenantScope, webhookId: string, lastError: string): Promise<void> {
    await manager.update(
      WebhookDelivery,
      { tenantId: tenant, webhookId, state: 'pending' },
      { state: 'dead', lastError, endedAt: () => 'clock_timestamp()' },
    );
  }

  /** Webhooks of all tenants that have something to be tried now, those that have had it for longest first. */
  async due(without: readonly string[], limit: number): Promise<{ tenant: string; id: string }[]> {
    const rows = await this.database.system.query(
      `select webhook.tenant_id as tenant, webhook.id from webhooks webhook
       cross join lateral (select least(
         (select due_at from webhook_deliveries where webhook_id = webhook.id and state = 'pending' and not set_aside
          order by sequence limit 1),
         (select min(due_at) from webhook_deliveries where webhook_id = webhook.id and state = 'pending' and set_aside)
       ) as due_at) next
       where webhook.enabled and (webhook.not_before is null or webhook.not_before <= clock_timestamp())
         and next.due_at <= clock_timestamp() and webhook.id <> all($1)
       order by next.due_at limit $2`,
      [without, limit],
    );
    return rows as { tenant: string; id: string }[];
  }

  /** Deletes what ended longer ago, up to `limit`. */
  async deleteOld(days: number, limit: number): Promise<number> {
    const [, deleted] = await this.database.system.query(
      `delete from webhook_deliveries where id in (
         select id from webhook_deliveries where ended_at < now() - make_interval(days => $1)
         order by ended_at limit $2)`,
      [days, limit],
    );
    return deleted as number;
  }

  /** How many wait, of all tenants. */
  async countWaiting(): Promise<number> {
    // Each of the two is counted by an index of its own.
    const [row] = await this.database.system.query(
      `select (select count(*) from webhook_deliveries where state = 'pending' and not set_aside)
            + (select count(*) from webhook_deliveries where state = 'pending' and set_aside) as waiting`,
    );
    return Number((row as { waiting: string }).waiting);
  }
}
