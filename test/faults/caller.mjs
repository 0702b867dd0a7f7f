import { setTimeout as sleep } from 'node:timers/promises';

/** Answers that say "not now", with which a client tries again. */
const LATER = [429, 503];

/** A client as a careful user writes one: it tries again until the service has acknowledged. */
export class Caller {
  constructor(url, token) {
    this.url = url;
    this.token = token;
  }

  /** One request; `{status, body}`, or status 0 where no whole answer came. */
  async once(method, target, body, timeoutMs = 5000) {
    const raw = body instanceof Uint8Array;
    try {
      const response = await fetch(this.url + target, {
        method,
        headers: {
          authorization: `Bearer ${this.token}`,
          ...(body && !raw && { 'content-type': 'application/json' }),
        },
        body: raw ? body : body && JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = await response.text();
      return { status: response.status, body: text ? JSON.parse(text) : null };
    } catch (error) {
      return { status: 0, body: null, error };
    }
  }

  /** Tries until the answer is final; what comes meanwhile may only be "not now" or no answer. */
  async until(method, target, body, longestMs = 60_000) {
    for (const end = Date.now() + longestMs; ; await sleep(25)) {
      const answer = await this.once(method, target, body);
      if (answer.status >= 200 && answer.status < 300) return answer;
      const isFinal = answer.status !== 0 && !LATER.includes(answer.status);
      if (isFinal || Date.now() > end) {
        const text = answer.error?.message ?? JSON.stringify(answer.body);
        throw new Error(`${method} ${target} answered ${answer.status}: ${text}`);
      }
    }
  }
}
