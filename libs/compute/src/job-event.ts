import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';

interface EventHeader {
  readonly job_id: string;
  readonly attempt: number;
  /** Starts at 1 in every attempt and grows by 1. */
  readonly seq: number;
}

/** contracts/job-event.v1.schema.json */
export type JobEvent = EventHeader &
  (
    | { readonly type: 'started'; readonly workers: number; readonly gpus: number }
    | { readonly type: 'log'; readonly level: 'info' | 'warning' | 'error'; readonly message: string }
    | { readonly type: 'warning'; readonly message: string }
    | {
        readonly type: 'progress';
        readonly current_epoch: number;
        readonly total_epochs: number;
        readonly current_loss: number | null;
        readonly best_loss: number | null;
        readonly learning_rate: number | null;
        readonly metrics: Readonly<Record<string, number | null>>;
      }
    | {
        readonly type: 'progress';
        readonly rows_done: number;
        readonly rows_total: number | null;
        readonly rows_failed: number;
        readonly rows_per_second: number;
        readonly estimated_completion: string | null;
        readonly metrics: Readonly<Record<string, number | null>>;
      }
    | { readonly type: 'succeeded'; readonly result: Record<string, unknown> }
    | { readonly type: 'failed'; readonly code: string; readonly message: string }
  );

/** Compiles the contract of events. @param contractsDir default: `contracts` at the root of the repository */
export function compileEventCheck(contractsDir = findContracts()): ValidateFunction<JobEvent> {
  const contract = readFileSync(join(contractsDir, 'job-event.v1.schema.json'), 'utf8');
  // Each kind of event requires properties that only the schema around it defines.
  const ajv = new Ajv({ allowUnionTypes: true, strictTypes: false });
  return ajv.compile<JobEvent>(JSON.parse(contract) as object);
}

/** The repository's root is another way up from `dist` than from the sources. */
function findContracts(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder) throw new Error(`no package.json above ${import.meta.dirname}`);
    folder = dirname(folder);
  }
  return join(folder, 'contracts');
}
