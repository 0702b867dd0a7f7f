import { createHmac } from 'node:crypto';

export const SECRET_PREFIX = 'whsec_';

export interface SignedHeaders {
  'webhook-id': string;
  /** Seconds of Unix time. */
  'webhook-timestamp': string;
  'webhook-signature': string;
}

/**
 * The headers by which a receiver knows a message, as Standard Webhooks 1.0 has it: HMAC-SHA256 of `id.timestamp.body`
 * in base64, with a signature for each secret.
 * @param secrets each `whsec_` and the key in base64
 * @param at when the message is sent
 */
export function sign(secrets: readonly string[], id: string, body: string, at = new Date()): SignedHeaders {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}
