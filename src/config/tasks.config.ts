import { Env, integer } from './environment.js';

/** What one process does for all, schedules among it. */
export class TasksConfig {
  @Env(
    'MODELPLANE_TASKS_LEASE_SECONDS',
    integer(2, 3600),
    'How long a task stays with a process that has died or hangs before another one goes on with it.',
  )
  leaseSeconds = 10;

  @Env('MODELPLANE_SCHEDULES_PER_TENANT', integer(0, 100_000), 'Schedules that a tenant may have.')
  schedulesPerTenant = 100;
}
