import { type AnsweredRequest, requestLine } from './request-line.js';

const TIME = '2026-11-21T10:00:00.000Z';
const BASE = '"pid":7,"role":"api"';
const PLAIN: AnsweredRequest = {
  requestId: 'req-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
  clientRequestId: undefined,
  traceId: undefined,
  tenant: undefined,
  method: 'GET',
  route: undefined,
  status: 404,
  durationMs: 0.123456,
};

const read = (request: AnsweredRequest) => JSON.parse(requestLine(request, TIME, BASE)) as unknown;

test('leaves out what a request does not have', () => {
  expect(read(PLAIN)).toEqual({
    level: 'info',
    time: TIME,
    pid: 7,
    role: 'api',
    request_id: PLAIN.requestId,
    method: 'GET',
    status: 404,
    duration_ms: 0.123,
    msg: 'request',
  });
});

test('tells who asked for what, and escapes what a caller may choose', () => {
  const request = {
    ...PLAIN,
    clientRequestId: 'a"b\\c","level":"fatal',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    tenant: 'acme-corp',
    route: '/api/v1/objects/*',
  };
  expect(read(request)).toMatchObject({
    level: 'info',
    client_request_id: request.clientRequestId,
    trace_id: request.traceId,
    tenant: 'acme-corp',
    route: '/api/v1/objects/*',
  });
});

test('is one line', () => {
  expect(requestLine(PLAIN, TIME, BASE).indexOf('\n')).toBe(requestLine(PLAIN, TIME, BASE).length - 1);
});
