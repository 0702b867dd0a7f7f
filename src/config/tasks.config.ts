import { Env, integer } from './environment.js';

/** What one process does for all. */
export class TasksConfig {
  @Env(
    'MODELPLANE_TASKS_LEASE_SECONDS',
    integer(2, 3600),
    'How long a task stays with a process that has died or hangs before another one goes on with it.',
  )
  leaseSeconds = 10;
}
