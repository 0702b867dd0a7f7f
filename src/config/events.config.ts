import { Env, integer } from './environment.js';

/** Events that tell applications what has changed. */
export class EventsConfig {
  @Env('MODELPLANE_EVENTS_KEPT_DAYS', integer(1, 3650), 'How long events can be read; then they are deleted.')
  keptDays = 7;
}
