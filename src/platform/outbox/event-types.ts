/** Every event that there is, with what its `data` holds: ids and states, never contents. */
export interface EventData {
  'model.registered': { model_id: string };
  /** A version has got its artifact, from a job or, where `job_id` is null, by an upload. */
  'model.version_ready': { model_id: string; version: string; job_id: string | null };
  'model.stage_changed': { model_id: string; version: string; from_stage: string; to_stage: string };
  /** `threshold` is null where the more probable class is answered again. */
  'model.threshold_changed': { model_id: string; version: string; threshold: number | null };
  'model.deleted': { model_id: string };
  /** `error_code` is null unless the job has failed. */
  'job.ended': { job_id: string; kind: string; status: string; error_code: string | null };
  /** The newest values of a view are older than its alarm allows; told once until they are fresh again. */
  'feature.stale': { view: string; version: number; age_seconds: number };
  /** `reason` is `gone` where its receiver answered so, `failing` where nothing could be delivered for days. */
  'webhook.disabled': { webhook_id: string; reason: 'gone' | 'failing' };
}

export type EventType = keyof EventData;

const KNOWN: Record<EventType, true> = {
  'model.registered': true,
  'model.version_ready': true,
  'model.stage_changed': true,
  'model.threshold_changed': true,
  'model.deleted': true,
  'job.ended': true,
  'feature.stale': true,
  'webhook.disabled': true,
};

export const EVENT_TYPES = Object.keys(KNOWN) as EventType[];

/** One event to be written: a type with the data that belongs to it. */
export type NewEvent = { [T in EventType]: { type: T; data: EventData[T] } }[EventType];

/** What a filter may ask for: a type, or all that begin with the same word, as `model.*`. */
export const EVENT_FILTERS = [
  ...EVENT_TYPES,
  ...new Set(EVENT_TYPES.map((type) => `${type.split('.')[0]}.*`)),
];

export function typesOf(filter: string): EventType[] {
  return EVENT_TYPES.filter((type) => type === filter || `${type.split('.')[0]}.*` === filter);
}
