import { Blob } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '../../scripts/parts/problem.mjs';

/** Calls the API as one caller; anything but a 2xx is a problem that carries the API's own explanation. */
export class Client {
  constructor(url, token) {
    this.url = url;
    this.token = token;
  }

  async send(method, path, body) {
    const raw = body instanceof Blob;
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(this.token && { authorization: `Bearer ${this.token}` }),
        ...(body && { 'content-type': raw ? 'application/octet-stream' : 'application/json' }),
      },
      body: raw ? body : body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Problem(`${method} ${path} answered ${response.status}`, text);
    return text ? JSON.parse(text) : null;
  }

  /** Submits a training job and answers it once it is seen as succeeded. */
  async train(request, { pollMs }) {
    const { job_id } = await this.send('POST', '/api/v1/training', request);
    for (;;) {
      const job = await this.send('GET', `/api/v1/training/${job_id}`);
      if (job.status === 'succeeded') return job;
      if (['failed', 'cancelled'].includes(job.status))
        throw new Problem(`Training ${job_id} ${job.status}: ${job.error?.message ?? 'no reason was given'}`);
      await sleep(pollMs);
    }
  }
}
