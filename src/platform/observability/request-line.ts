/** What is said of a request that has been answered. */
export interface AnsweredRequest {
  readonly requestId: string;
  /** What the caller calls it: printable ASCII. */
  readonly clientRequestId: string | undefined;
  readonly traceId: string | undefined;
  readonly tenant: string | undefined;
  readonly method: string;
  /** Template of the route, never its URL. */
  readonly route: string | undefined;
  readonly status: number;
  readonly durationMs: number;
}

/**
 * The JSON line of a request, of which there are more than of all others: in a fraction of the time that it takes to
 * check and escape fields of any kind. Ids, tenant and method are checked texts without anything to escape.
 * @param base fields of every line, as JSON without braces
 */
export function requestLine(request: AnsweredRequest, time: string, base: string): string {
  const { requestId, clientRequestId, traceId, tenant, method, route, status, durationMs } = request;
  let line = `{"level":"info","time":"${time}",${base},"request_id":"${requestId}"`;
  if (clientRequestId !== undefined) line += `,"client_request_id":${JSON.stringify(clientRequestId)}`;
  if (traceId !== undefined) line += `,"trace_id":"${traceId}"`;
  if (tenant !== undefined) line += `,"tenant":"${tenant}"`;
  line += `,"method":"${method}"`;
  if (route !== undefined) line += `,"route":${JSON.stringify(route)}`;
  const duration = Math.round(durationMs * 1000) / 1000;
  return `${line},"status":${status},"duration_ms":${duration},"msg":"request"}\n`;
}
