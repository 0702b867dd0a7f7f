import { performance } from 'node:perf_hooks';

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const WIDTH = 72;

/** Prints one line a step when it ends, with its time; on a terminal also what is under way. */
export class Steps {
  #running = new Set();

  constructor(out = process.stdout) {
    this.out = out;
  }

  /**
   * Runs `work(step)`; the line is `label`, or what `step.says(text)` was told. A step that throws prints
   * nothing: the caller reports the error, which names what to do.
   */
  async run(label, work) {
    const step = this.#begin(label);
    try {
      const result = await work(step);
      this.#end(step, '✓');
      return result;
    } catch (error) {
      this.#running.delete(step);
      this.#clear();
      throw error;
    }
  }

  /** Runs `work()` to `{ok, detail}`, prints either outcome and answers `ok`. */
  async check(label, work) {
    const step = this.#begin(label);
    const { ok, detail } = await work();
    this.#end(step, ok ? '✓' : '✗');
    if (!ok && detail) this.say(detail.trimEnd().replaceAll(/^/gm, '    '));
    return ok;
  }

  /** A line of its own, not disturbed by the line that shows what is under way. */
  say(line = '') {
    this.#clear();
    this.out.write(`${line}\n`);
    this.#show();
  }

  #begin(label) {
    const step = { started: performance.now(), line: label, says: (text) => (step.line = text) };
    this.#running.add(step);
    this.#clear();
    this.#show();
    return step;
  }

  #end(step, mark) {
    this.#running.delete(step);
    this.say(
      `${mark} ${step.line.padEnd(WIDTH - 2)} ${seconds(performance.now() - step.started).padStart(8)}`,
    );
  }

  #clear() {
    if (this.out.isTTY) this.out.write('\r\x1b[K');
  }

  #show() {
    if (!this.out.isTTY || !this.#running.size) return;
    const text = [...this.#running].map((step) => step.line).join(' · ');
    this.out.write(`… ${text}`.slice(0, (this.out.columns ?? 80) - 1));
  }
}
