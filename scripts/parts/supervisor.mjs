import { appendFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnOnLeash } from './leash.mjs';
import { lastLines, logSince, openLog, trimLog } from './log-files.mjs';
import { Problem } from './problem.mjs';

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;
const HEALTHY_MS = 60_000;
const TRIM_MS = 60_000;

/**
 * Keeps services alive: starts each, waits until it is ready, starts it again when it dies, and stops
 * it on request. A service is:
 *   name, command() -> {file, args, cwd?, env?, uid?, gid?}, ready({output}) -> truthy when ready,
 *   prepare()? before every start, stopSignal?, stopGraceMs?, leashGraceMs?, readyTimeoutMs?
 */
export class Supervisor {
  #services = new Map();

  constructor({ logDir, say = () => {}, timing = {} }) {
    this.logDir = logDir;
    this.say = say;
    this.timing = {
      firstDelayMs: FIRST_DELAY_MS,
      longestDelayMs: LONGEST_DELAY_MS,
      healthyMs: HEALTHY_MS,
      ...timing,
    };
    setInterval(() => this.#trimLogs(), TRIM_MS).unref();
  }

  get isEmpty() {
    return this.#services.size === 0;
  }

  logFile(name) {
    return path.join(this.logDir, `${name}.log`);
  }

  pid(name) {
    return this.#services.get(name)?.child?.pid;
  }

  /** Starts a service and waits until it is ready; a first start that fails is a problem, not a retry. */
  async start(service) {
    const entry = { service, deaths: 0, stopping: false, child: null, ended: null, offset: 0 };
    this.#services.set(service.name, entry);
    await this.#launch(entry);
    await this.#untilReady(entry);
    this.#watch(entry);
  }

  /** Asks a service to end, and makes it end after its grace. */
  async stop(name) {
    const entry = this.#services.get(name);
    if (!entry) return;
    entry.stopping = true;
    if (!entry.child) return;
    const { stopSignal = 'SIGTERM', stopGraceMs = 12_000 } = entry.service;
    entry.child.kill(stopSignal);
    const late = new AbortController();
    await Promise.race([
      entry.ended,
      sleep(stopGraceMs, null, late).then(
        () => this.#killGroup(entry),
        () => {},
      ),
    ]);
    late.abort();
    await entry.ended;
  }

  /** The last resort: ends every process group at once. */
  killAll() {
    for (const entry of this.#services.values()) {
      entry.stopping = true;
      this.#killGroup(entry);
    }
  }

  async #launch(entry) {
    const { service } = entry;
    await service.prepare?.();
    if (entry.stopping) return;
    const { file, args, ...options } = service.command();
    const log = openLog(this.logFile(service.name));
    entry.offset = log.offset;
    entry.startedAt = Date.now();
    const child = spawnOnLeash(file, args, {
      ...options,
      output: log.descriptor,
      signal: service.stopSignal,
      graceMs: service.leashGraceMs,
    });
    log.close();
    entry.child = child;
    entry.ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    }).then((how) => {
      entry.child = null;
      return how;
    });
  }

  async #untilReady(entry) {
    const { service } = entry;
    const timeoutMs = service.readyTimeoutMs ?? 60_000;
    let died = null;
    void entry.ended?.then((how) => (died = how));
    while (!entry.stopping) {
      if (await service.ready({ output: () => this.#output(entry) })) return;
      if (died) throw this.#failure(entry, `ended while starting (${died})`);
      if (Date.now() - entry.startedAt > timeoutMs)
        throw this.#failure(entry, `is not ready after ${timeoutMs / 1000} s`);
      await sleep(30);
    }
    throw new Problem(`${service.name} was stopped while it was starting`);
  }

  #watch(entry) {
    void entry.ended.then(async (how) => {
      if (entry.stopping) return;
      if (Date.now() - entry.startedAt > this.timing.healthyMs) entry.deaths = 0;
      const delay = Math.min(this.timing.firstDelayMs * 2 ** entry.deaths, this.timing.longestDelayMs);
      entry.deaths += 1;
      this.#note(`${entry.service.name} ended (${how}); starting it again in ${delay / 1000} s`);
      await sleep(delay);
      await this.#revive(entry);
    });
  }

  async #revive(entry) {
    if (entry.stopping) return;
    try {
      await this.#launch(entry);
    } catch (error) {
      entry.startedAt = Date.now();
      entry.ended = Promise.resolve(error.message);
    }
    if (entry.stopping) {
      this.#killGroup(entry); // the stop came while it was being launched
      return;
    }
    this.#watch(entry);
    this.#untilReady(entry).then(
      () => this.#note(`${entry.service.name} is up again`),
      () => {}, // its next death is watched already
    );
  }

  #killGroup(entry) {
    if (!entry.child?.pid) return;
    try {
      process.kill(-entry.child.pid, 'SIGKILL');
    } catch {
      // it ended by itself in the meantime
    }
  }

  #trimLogs() {
    for (const name of this.#services.keys()) {
      try {
        trimLog(this.logFile(name));
      } catch {
        // No room for the copy: the next turn may find some.
      }
    }
  }

  #note(line) {
    this.say(line);
    try {
      appendFileSync(this.logFile('supervisor'), `${new Date().toISOString()} ${line}\n`);
    } catch {
      // A full disk must not end the supervisor, of all programs.
    }
  }

  #output(entry) {
    return logSince(this.logFile(entry.service.name), entry.offset);
  }

  #failure(entry, what) {
    return new Problem(
      `${entry.service.name} ${what}; its log is ${this.logFile(entry.service.name)}`,
      lastLines(this.#output(entry)),
    );
  }
}
