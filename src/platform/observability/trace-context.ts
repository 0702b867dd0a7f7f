import { randomBytes } from 'node:crypto';

/** Where a request or a job stands in a distributed trace: W3C Trace Context, version 00. */
export interface TraceContext {
  /** 32 hex digits, the same in every part of the trace. */
  readonly traceId: string;
  /** 16 hex digits: the span that asked for this work. */
  readonly parentId: string;
  readonly sampled: boolean;
}

const TRACE_PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Reads a `traceparent`; undefined for what the specification tells to ignore. */
export function parseTraceParent(text: unknown): TraceContext | undefined {
  if (typeof text !== 'string' || text.length > 256) return undefined;
  const [, version = '', traceId = '', parentId = '', flags = '', rest] = TRACE_PARENT.exec(text) ?? [];
  // A version that we do not know may have more fields; 00 has none.
  const isKnown = version !== '' && version !== 'ff' && !(version === '00' && rest !== undefined);
  if (!isKnown || /^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined;
  return { traceId, parentId, sampled: (parseInt(flags, 16) & 1) === 1 };
}

export function formatTraceParent({ traceId, parentId, sampled }: TraceContext): string {
  return `00-${traceId}-${parentId}-${sampled ? '01' : '00'}`;
}

export const newTraceId = (): string => randomBytes(16).toString('hex');

export const newSpanId = (): string => randomBytes(8).toString('hex');
