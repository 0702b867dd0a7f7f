export class QueueBody {
  /**
   * Wake-ups that wait for a worker.
   * @example 0
   */
  waiting: number;

  /**
   * Wake-ups that a worker is busy with.
   * @example 1
   */
  active: number;

  /**
   * Wake-ups that found nothing to claim and come again later.
   * @example 0
   */
  delayed: number;
}

export class HealthBody {
  /**
   * healthy, degraded, or unhealthy where a part does not answer (503). Degraded: predictions and deletes work, and what
   * tenants want to write is refused with 507.
   * @example healthy
   */
  status: string;

  /**
   * Version of the service.
   * @example 0.1.0
   */
  version: string;

  /**
   * Id of the process that answered.
   * @example 42
   */
  worker_pid: number;

  /**
   * Resident memory of that process, in MiB.
   * @example 210.4
   */
  memory_usage_mb: number;

  /**
   * Whether PostgreSQL answers.
   * @example true
   */
  database: boolean;

  /**
   * Whether Redis answers.
   * @example true
   */
  redis: boolean;

  /**
   * Whether the object store answers.
   * @example true
   */
  object_store: boolean;

  /**
   * Queues by name; null for one that could not be read.
   * @example { "training": { "waiting": 0, "active": 1, "delayed": 0 } }
   */
  queues: Record<string, QueueBody | null>;

  /**
   * Bytes that are left on the disk of the state folder; null where it cannot be asked.
   * @example 81604378624
   */
  disk_free_bytes: number | null;

  /**
   * What does not answer.
   * @example []
   */
  down: string[];

  /**
   * What is short of room: disk, below MODELPLANE_MIN_FREE_DISK_BYTES.
   * @example []
   */
  degraded: string[];
}

export class LiveBody {
  /**
   * Always alive.
   * @example alive
   */
  status: string;
}
