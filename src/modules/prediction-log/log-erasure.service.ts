import { Injectable } from '@nestjs/common';
import { Database, type TenantScope } from '../../platform/database/database.js';
import { LogErasureRepository, type LoggedSubject } from './log-erasure.repository.js';

export type { LoggedSubject };

/** What was taken out of the log. */
export interface ErasedFromLog {
  /** Requests that were about the subject alone. */
  requestsDeleted: number;
  /** Rows of requests with rows of others, too: their features and keys are empty now. */
  rowsEmptied: number;
}

const REQUESTS_AT_ONCE = 5000;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';
const BEHIND_ALL = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Takes subjects out of the prediction log. */
@Injectable()
export class LogErasureService {
  constructor(
    private readonly database: Database,
    private readonly log: LogErasureRepository,
  ) {}

  /**
   * Looks at all that the log of the tenant holds, in transactions of a few thousand requests, so that it belongs into a
   * worker. What is recorded and not flushed yet is missed.
   * @param signal ends it between two of these
   * @param erased told what each of these transactions has taken out
   */
  async erase(
    tenant: string,
    subject: LoggedSubject,
    signal: AbortSignal,
    erased: (found: ErasedFromLog) => void,
  ): Promise<void> {
    for (let after = BEFORE_ALL; after !== BEHIND_ALL && !signal.aborted;)
      after = await this.database.asTenant(tenant, async (scope) => {
        const last = (await this.log.boundary(scope, after, REQUESTS_AT_ONCE)) ?? BEHIND_ALL;
        const found = await this.eraseUpTo(scope, stored(subject), after, last);
        scope.afterCommit(() => erased(found));
        return last;
      });
  }

  private async eraseUpTo(
    scope: TenantScope,
    subject: LoggedSubject,
    after: string,
    last: string,
  ): Promise<ErasedFromLog> {
    const found = await this.log.find(scope, subject, after, last);
    const alone = found.filter(({ rowCount, places }) => places.length >= rowCount);
    if (alone.length > 0)
      await this.log.delete(
        scope,
        alone.map(({ requestId }) => requestId),
      );
    const shared = found.filter((request) => !alone.includes(request));
    for (const request of shared) await this.log.empty(scope, request);
    return {
      requestsDeleted: alone.length,
      rowsEmptied: shared.reduce((sum, { places }) => sum + places.length, 0),
    };
  }
}

/** The values as the log holds them, which has U+FFFD for what PostgreSQL does not keep. */
function stored({ keys, id }: LoggedSubject): LoggedSubject {
  const kept = (value: string) => value.replaceAll('\0', '\ufffd');
  return {
    keys: Object.fromEntries(Object.entries(keys).map(([name, value]) => [name, kept(value)])),
    id: id && { ...id, value: kept(id.value) },
  };
}
