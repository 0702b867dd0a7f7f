import { fstatSync } from 'node:fs';
import { commandLine, parentOf, processIdentity } from './process-identity.mjs';

/**
 * Calls `stop` once when this process is asked to end, and `force` when it is asked again. npm passes on
 * a signal that the terminal has sent to the whole group already, so a second one within a second is the
 * same Ctrl-C.
 */
export function onEnding(stop, force) {
  let first = 0;
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      if (!first) {
        first = Date.now();
        void stop();
      } else if (Date.now() - first > 1000) {
        force();
      }
    });
  }
}

/** Calls `ended` when the npm that started this process is gone: killed with -9, it cannot pass that on. */
export function onNpmGone(ended) {
  if (!process.env.npm_lifecycle_event) return;
  let npm = process.ppid;
  while (npm > 1 && !/\bnpm\b/.test(commandLine(npm))) npm = parentOf(npm);
  const identity = npm > 1 && processIdentity(npm);
  if (!identity) return;
  const timer = setInterval(() => {
    if (processIdentity(npm) === identity) return;
    clearInterval(timer);
    ended();
  }, 500);
  timer.unref();
}

/** Calls `ended` when whoever holds the other end of standard input goes away. */
export function onInputEnd(ended) {
  const stats = fstatSync(0);
  if (!stats.isFIFO() && !stats.isSocket() && !process.stdin.isTTY) return; // /dev/null would end at once
  process.stdin.resume();
  process.stdin.once('end', ended);
  process.stdin.once('error', ended);
}
