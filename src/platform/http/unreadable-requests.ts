import type { Socket } from 'node:net';
import { Problem } from '../errors/problem.js';
import { API } from './api.surface.js';
import { newRequestId } from './identifiers.js';

/** Statuses of Node's own answers (RFC 9110, RFC 6585), with the sentence that says what was wrong. */
const STATUSES: Record<string, readonly [statusLine: string, detail: string]> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers are larger than 16 KiB.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The head of the request did not arrive in time.'],
};

/**
 * Answers a request whose head is no HTTP, and hangs up. Its path is not known, so it is answered as the API answers,
 * under the code for all that is malformed.
 */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [statusLine, detail] = STATUSES[error.code ?? ''] ?? [
    '400 Bad Request',
    'The request is no HTTP/1.1.',
  ];
  const id = newRequestId();
  const { contentType, body } = API.errors(new Problem('INVALID_REQUEST', detail), id);
  const json = JSON.stringify({ ...body, status: Number(statusLine.slice(0, 3)) });
  const head = [
    `HTTP/1.1 ${statusLine}`,
    `content-type: ${contentType}; charset=utf-8`,
    `content-length: ${Buffer.byteLength(json)}`,
    `request-id: ${id}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${json}`);
}
