import { spawn } from 'node:child_process';

/**
 * `exec` makes the shell become the program, so that its process id, exit code and signals are the
 * program's own. Before that the shell leaves a watcher in the same process group that waits for the
 * pipe on descriptor 3. The pipe ends when the parent closes it or dies, however it dies; the watcher
 * then signals the program, waits, and kills what is left of the group. While the watcher lives, no
 * other process can be given the program's id, so a late signal cannot hit a stranger.
 */
const SCRIPT = `
signal=$1 tenths=$2
shift 2
(
  trap '' INT TERM HUP
  read -r _ <&3
  kill -s "$signal" $$
  while [ "$tenths" -gt 0 ] && kill -s 0 $$; do
    sleep 0.1
    tenths=$((tenths - 1))
  done
  kill -s KILL -- -$$
) </dev/null >/dev/null 2>&1 &
exec "$@" 3<&-
`;

/**
 * Starts a program in a process group of its own that cannot outlive this process.
 * `output` is a file descriptor, or 'pipe'. `graceMs` is how long it may take to end after `signal`
 * once this process is gone.
 */
export function spawnOnLeash(
  file,
  args,
  { signal = 'SIGTERM', graceMs = 5000, output = 'ignore', ...options } = {},
) {
  const tenths = String(Math.ceil(graceMs / 100));
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'leash', signal.replace(/^SIG/, ''), tenths, file, ...args], {
    ...options,
    detached: true,
    stdio: ['ignore', output, output, 'pipe'],
  });
  const leash = child.stdio[3];
  leash?.on('error', () => {}); // the watcher may be gone first
  child.once('exit', () => leash?.destroy()); // ends what the program left in its group
  return child;
}
