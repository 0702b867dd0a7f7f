import { request } from 'node:http';
import type { Answer } from './client.js';

export interface RawRequest {
  url: string;
  method?: string;
  /** Goes out as it is: `fetch` would resolve `..` and `%2e%2e` before the service sees them. */
  path: string;
  headers?: Record<string, string>;
  body?: Buffer | string;
}

/** One HTTP request with a target, headers and body that `fetch` would mend or refuse to send. */
export function sendRaw({ url, method = 'GET', path, headers = {}, body }: RawRequest): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers, agent: false }, (response) => {
      response.toArray().then((chunks: Buffer[]) => {
        const text = Buffer.concat(chunks).toString();
        const received = new Headers(response.headers as Record<string, string>);
        const isJson = /json/.test(received.get('content-type') ?? '');
        resolve({
          status: response.statusCode ?? 0,
          headers: received,
          body: isJson && text ? JSON.parse(text) : text,
        });
      }, reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
