import { readFileSync } from 'node:fs';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { rootCertificates, type TLSSocket } from 'node:tls';
import { Injectable } from '@nestjs/common';
import { WebhooksConfig } from '../../../config/index.js';
import { Metrics } from '../../../platform/observability/metrics.js';
import { AddressRefused, ReceiverAddresses } from './receiver-addresses.js';
import { faultOfUrl } from './receiver-url.js';
import { sign } from './signature.js';

export const FAILURES = [
  /** The URL, or an address of its host, is not one that may be called, or the host was not found. */
  'address_refused',
  'connection_failed',
  'tls_failed',
  'timeout',
  /** What came back is no HTTP, or has headers that are too large. */
  'unreadable_answer',
] as const;
export type Failure = (typeof FAILURES)[number];

/** How a receiver answered; of its headers and body nothing else is kept. */
export interface Answer {
  /** Null where there was no answer. */
  status: number | null;
  /** Null where there was one. */
  failure: Failure | null;
  /** How long it asks to be left alone. */
  retryAfterSeconds?: number;
  /** How long it took, in seconds. */
  seconds: number;
}

export interface Message {
  id: string;
  /** JSON. */
  body: string;
}

export const isTaken = ({ status }: Pick<Answer, 'status'>): boolean =>
  status !== null && status >= 200 && status < 300;

const MAX_HEADER_BYTES = 8192;
/** Of an answer, so that a connection ends in good order; none of it is looked at. */
const MAX_ANSWER_BYTES = 512;

/** What fails at a stage of a request fails for this. */
const FAILURE_AT = {
  connecting: 'connection_failed',
  securing: 'tls_failed',
  waiting: 'unreadable_answer',
} as const;

/**
 * Calls the receivers of tenants, whom nobody trusts: it connects to the one address that was checked, follows no
 * redirect, uses no proxy and no connection twice.
 */
@Injectable()
export class Receivers {
  private readonly authorities;
  private readonly durations;

  constructor(
    private readonly config: WebhooksConfig,
    private readonly addresses: ReceiverAddresses,
    metrics: Metrics,
  ) {
    if (config.caFile) this.authorities = [...rootCertificates, readFileSync(config.caFile, 'utf8')];
    this.durations = metrics.histogram(
      'modelplane_webhook_attempt_duration_seconds',
      'How long attempts to deliver an event took.',
    );
  }

  /**
   * @param secrets with which the message is signed
   * @param signal ends it early
   * @throws the reason of `signal`; whatever a receiver does is an answer
   */
  async post(
    url: string,
    secrets: readonly string[],
    message: Message,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const started = performance.now();
    const outcome = await this.attempt(new URL(url), secrets, message, signal);
    signal?.throwIfAborted();
    const seconds = (performance.now() - started) / 1000;
    this.durations.observe(seconds);
    return { ...outcome, seconds };
  }

  private async attempt(
    url: URL,
    secrets: readonly string[],
    message: Message,
    signal?: AbortSignal,
  ): Promise<Omit<Answer, 'seconds'>> {
    // What may be called can have changed since the webhook was made.
    if (faultOfUrl(url.href, this.config)) return failed('address_refused');
    const timeout = new AbortController();
    const giveUp = () => timeout.abort();
    const connecting = setTimeout(giveUp, this.config.connectSeconds * 1000);
    const whole = setTimeout(giveUp, this.config.timeoutSeconds * 1000);
    const either = signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal;
    try {
      const address = await this.addresses.resolve(url.hostname, either);
      if (either.aborted) return failed('timeout');
      const headers = { ...sign(secrets, message.id, message.body), ...headersOf(message) };
      const request = this.request(url, address, headers, either);
      const answer = await answerOf(request, message.body, () => clearTimeout(connecting));
      return answer.failure && timeout.signal.aborted ? failed('timeout') : answer;
    } catch (error) {
      if (!(error instanceof AddressRefused)) throw error;
      return failed(timeout.signal.aborted ? 'timeout' : 'address_refused');
    } finally {
      clearTimeout(connecting);
      clearTimeout(whole);
    }
  }

  private request(
    url: URL,
    address: string,
    headers: http.OutgoingHttpHeaders,
    signal: AbortSignal,
  ): ClientRequest {
    const family = isIP(address);
    // The name is not asked for again: whoever answers for it could answer otherwise by now.
    const lookup: LookupFunction = (_, { all }, found) =>
      all ? found(null, [{ address, family }]) : found(null, address, family);
    const options = {
      method: 'POST',
      headers,
      lookup,
      signal,
      agent: false,
      maxHeaderSize: MAX_HEADER_BYTES,
    } as const;
    return url.protocol === 'https:'
      ? https.request(url, { ...options, ca: this.authorities, rejectUnauthorized: true })
      : http.request(url, options);
  }
}

function headersOf({ body }: Message): http.OutgoingHttpHeaders {
  return {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'user-agent': 'Modelplane-Webhooks/1',
  };
}

/** @param connected is called once the receiver is connected to, and known by its certificate */
function answerOf(
  request: ClientRequest,
  body: string,
  connected: () => void,
): Promise<Omit<Answer, 'seconds'>> {
  return new Promise((resolve) => {
    let stage: keyof typeof FAILURE_AT = 'connecting';
    let hasAnswer = false;
    const wait = () => {
      stage = 'waiting';
      connected();
    };
    request.on('socket', (socket) => {
      const isSecured = 'encrypted' in socket && (socket as TLSSocket).encrypted;
      socket.once('connect', () => (isSecured ? (stage = 'securing') : wait()));
      socket.once('secureConnect', wait);
    });
    request.on('response', (response) => {
      hasAnswer = true;
      void drain(response).then(() => resolve(answered(response)));
    });
    request.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
      if (hasAnswer) return;
      const isReset = stage === 'waiting' && !code.startsWith('HPE_');
      resolve(failed(isReset ? 'connection_failed' : FAILURE_AT[stage]));
    });
    // Also where the receiver answers with an upgrade to another protocol.
    request.on('close', () => {
      if (!hasAnswer) resolve(failed('unreadable_answer'));
    });
    request.end(body);
  });
}

/** Ends with the answer, past what is read of it, or with its connection. */
function drain(response: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let left = MAX_ANSWER_BYTES;
    response.on('data', ({ length }: Buffer) => {
      left -= length;
      if (left < 0) response.destroy();
    });
    response.on('error', () => undefined).on('close', resolve);
  });
}

function answered({ statusCode, headers }: IncomingMessage): Omit<Answer, 'seconds'> {
  return { status: statusCode!, failure: null, retryAfterSeconds: secondsOf(headers['retry-after']) };
}

function failed(failure: Failure): Omit<Answer, 'seconds'> {
  return { status: null, failure };
}

/** @param text seconds, or a date of HTTP */
function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return seconds > 0 ? seconds : undefined;
}
