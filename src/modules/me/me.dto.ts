import { Type } from 'class-transformer';
import { OpenJobsBody } from '../../platform/jobs/jobs.dto.js';

export class RateLimitBody {
  /**
   * Tokens that the tenant gets back each minute. A prediction costs its rows, an explained row 100, of an ensemble that
   * for each model that is asked; any other request one; each `bytes_per_token` of a JSON body cost one more.
   * @example 1200000
   */
  tokens_per_minute: number;

  /**
   * Tokens that a tenant which was silent may spend at once.
   * @example 200000
   */
  burst: number;

  /**
   * Bytes of a JSON body that cost one token more, which is taken before the body is parsed.
   * @example 1024
   */
  bytes_per_token: number;

  /**
   * Tokens that are left now, as far as the process that answers knows.
   * @example 199873
   */
  remaining: number;
}

export class StorageBody {
  /**
   * Bytes that the tenant may keep in all; null where there is no quota.
   * @example 21474836480
   */
  quota_bytes: number | null;

  /**
   * Bytes of objects that the tenant wrote, and of those in its own folder.
   * @example 734003200
   */
  object_bytes: number;

  /**
   * Bytes of the files of its versions; a file that several versions share counts once.
   * @example 1843200
   */
  artifact_bytes: number;

  /**
   * Bytes of logged predictions: their features and answers as JSON.
   * @example 52428800
   */
  log_bytes: number;

  /**
   * Bytes held for what is being written.
   * @example 0
   */
  reserved_bytes: number;
}

export class LimitsBody {
  /**
   * Rows of one prediction.
   * @example 1000
   */
  rows_per_prediction: number;

  /**
   * Rows that a model may score to explain one request: about 10,000 for each of its rows.
   * @example 1000000
   */
  samples_per_explanation: number;

  /**
   * Bytes of a JSON body of rows to be predicted.
   * @example 8388608
   */
  body_bytes: number;

  /**
   * Bytes of any other JSON body.
   * @example 262144
   */
  plain_body_bytes: number;

  /**
   * Bytes of an object that is put.
   * @example 5368709120
   */
  object_bytes: number;

  /**
   * Bytes of a model that is uploaded.
   * @example 536870912
   */
  uploaded_model_bytes: number;

  /**
   * Jobs of one kind that the tenant may have running at once; others wait.
   * @example 2
   */
  running_jobs_per_kind: number;

  /**
   * Jobs of one kind that may be waiting, running or paused; beyond it a submission is answered with 429.
   * @example 1000
   */
  open_jobs_per_kind: number;

  /**
   * Rows of the tenant that may wait, in one process, for models that are being loaded or take long: half of the room,
   * and less while other tenants need theirs.
   * @example 25000
   */
  waiting_rows_per_process: number;

  /**
   * Requests of the tenant that one process explains at once.
   * @example 3
   */
  explanations_per_process: number;

  /**
   * Looks of the tenant at data (`POST /training/validate`) that one process has under way at once.
   * @example 2
   */
  validations_per_process: number;

  /**
   * Processes of the tenant's uploaded models beside one API process; fewer while other tenants need theirs.
   * @example 7
   */
  uploaded_model_processes: number;

  /**
   * Schedules of the tenant.
   * @example 100
   */
  schedules: number;

  /**
   * API keys of the tenant.
   * @example 10000
   */
  api_keys: number;

  /**
   * Streams of job events that the tenant may have open at each process.
   * @example 50
   */
  event_streams_per_process: number;

  /**
   * Longest life of a presigned URL in seconds.
   * @example 86400
   */
  presigned_url_seconds: number;
}

export class MeBody {
  /**
   * Tenant of the token or API key.
   * @example acme-corp
   */
  tenant_id: string;

  /**
   * Who calls: the subject of the token, or of the API key, which begins with `key:`.
   * @example ana@acme-corp.example
   */
  subject: string;

  /**
   * Roles that the token or API key gives; those that the service does not know are left out.
   * @example ["scientist"]
   */
  roles: string[];

  /** The tenant's rate limit, which all its callers share; null where there is none. */
  rate_limit: RateLimitBody | null;

  /** The tenant's jobs that have not ended, by kind; one entry for every kind. */
  @Type(() => OpenJobsBody)
  jobs: OpenJobsBody[];

  /** What the tenant keeps, and may. */
  @Type(() => StorageBody)
  storage: StorageBody;

  /** What a request, and the tenant, may have at most. */
  limits: LimitsBody;
}
