import { AsyncLocalStorage } from 'node:async_hooks';
import type { TraceContext } from './trace-context.js';

/** What every log line of a request or job carries. */
export interface RequestContext {
  requestId?: string;
  /** What the caller calls the request. */
  clientRequestId?: string;
  tenant?: string;
  jobId?: string;
  /** Handed on to whatever the request or job starts. */
  trace?: TraceContext;
}

const storage = new AsyncLocalStorage<RequestContext>();

export function runInContext<T>(context: RequestContext, work: () => T): T {
  return storage.run(context, work);
}

export function currentContext(): RequestContext | undefined {
  return storage.getStore();
}
