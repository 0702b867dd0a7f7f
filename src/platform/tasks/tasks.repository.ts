import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

export interface TaskClaim {
  readonly name: string;
  readonly attempt: number;
}

/** SQL of the tasks, as the role that has no tenant. Every time in it is of the database's clock. */
@Injectable()
export class TasksRepository {
  constructor(private readonly database: Database) {}

  /** Claims every one of these tasks that is due and that nobody holds; one that is new is claimed the next time. */
  async claim(names: string[], holder: string, leaseSeconds: number): Promise<TaskClaim[]> {
    const [claims] = await this.database.system.query(
      `with made as (insert into tasks (name) select unnest($1::text[]) on conflict do nothing)
       update tasks set holder = $2, attempt = attempt + 1, last_started_at = clock_timestamp(),
              lease_until = clock_timestamp() + make_interval(secs => $3)
       where name in (
         select name from tasks
         where name = any($1) and next_at <= clock_timestamp()
           and (lease_until is null or lease_until < clock_timestamp())
         for update skip locked)
       returning name, attempt`,
      [names, holder, leaseSeconds],
    );
    return claims as TaskClaim[];
  }

  /** @returns false where another process has claimed the task since */
  async prolong({ name, attempt }: TaskClaim, leaseSeconds: number): Promise<boolean> {
    const [, prolonged] = await this.database.system.query(
      `update tasks set lease_until = clock_timestamp() + make_interval(secs => $3)
       where name = $1 and attempt = $2 and holder is not null`,
      [name, attempt, leaseSeconds],
    );
    return prolonged === 1;
  }

  /**
   * Ends a turn, unless another process has claimed the task since. The next one comes after `seconds`, or at once
   * where it was asked for meanwhile.
   * @param error what went wrong; null where nothing did
   */
  async end({ name, attempt }: TaskClaim, seconds: number, error: string | null): Promise<void> {
    await this.database.system.query(
      `update tasks set holder = null, lease_until = null, last_ended_at = clock_timestamp(), last_error = $4,
              last_outcome = case when $4::text is null then 'succeeded' else 'failed' end,
              last_succeeded_at = case when $4::text is null then clock_timestamp() else last_succeeded_at end,
              next_at = case when next_at > last_started_at then next_at
                        else clock_timestamp() + make_interval(secs => $3) end
       where name = $1 and attempt = $2`,
      [name, attempt, seconds, error],
    );
  }

  /** Gives a task back that is not done, so that another process can start it at once. */
  async release({ name, attempt }: TaskClaim): Promise<void> {
    await this.database.system.query(
      'update tasks set holder = null, lease_until = null where name = $1 and attempt = $2',
      [name, attempt],
    );
  }

  /** Makes a task due now; where it is being done, once more after that. */
  async hurry(name: string): Promise<void> {
    await this.database.system.query(
      `insert into tasks (name) values ($1) on conflict (name) do update set next_at = clock_timestamp()`,
      [name],
    );
  }

  /** When each task last succeeded, in seconds of Unix time; 0 where it never did. */
  async lastSuccesses(): Promise<{ name: string; seconds: number }[]> {
    const rows = await this.database.system.query(
      `select name, coalesce(extract(epoch from last_succeeded_at), 0)::float8 as seconds from tasks`,
    );
    return rows as { name: string; seconds: number }[];
  }
}
