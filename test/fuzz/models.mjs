// npm run fuzz:models [-- --flips 10000] [-- --seed 1]: real model files with a bit flipped, through the gate of uploads.
// Each file is scanned; what passes is loaded and tried as the gate does, many files in one process with a limit of memory.
// A file that ends or hangs this process goes through the gate itself, which has to refuse it.
import '../../scripts/parts/node-version.mjs';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { completeSignature, ModelHosts, scanGraph } from '../../dist/libs/inference/src/index.js';
import { inRoot, TRAINER_PYTHON } from '../../scripts/parts/paths.mjs';
import { isRefusal, readModels } from './flipped-models.mjs';

const MEMORY_KILOBYTES = 1_500_000;
/** A process that says nothing for this long is taken to hang. */
const SILENCE_MS = 60_000;

const { values } = parseArgs({
  options: { flips: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
});
const folder = mkdtempSync(path.join(tmpdir(), 'modelplane-flips-'));
try {
  execFileSync(TRAINER_PYTHON, ['-W', 'ignore', inRoot('libs/inference/test/gate-files.py'), folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  process.exitCode = await run(Number(values.flips), Number(values.seed));
} finally {
  rmSync(folder, { recursive: true });
}

async function run(flips, seed) {
  const models = readModels(path.join(folder, 'real'));
  const counts = { 'refused by the scan': 0 };
  const survivors = [];
  const faults = [];
  for (let flip = 0; flip < flips; flip++) {
    const model = models[flip % models.length];
    const { bytes, what } = flipped(model, flip, seed);
    try {
      completeSignature(scanGraph(bytes), model.type, model.description);
      const name = `${flip}-${model.name}`;
      writeFileSync(path.join(folder, `${name}.flipped`), bytes);
      survivors.push({ name, what, model });
    } catch (error) {
      if (isRefusal(error)) counts['refused by the scan']++;
      else faults.push(`${what}: ${error.stack}`);
    }
  }
  for (let left = survivors; left.length > 0;) {
    const { outcomes, lost } = await tryAll(left);
    for (const outcome of outcomes) {
      const key = outcome.fault ? 'faults' : outcome.outcome;
      counts[key] = (counts[key] ?? 0) + 1;
      if (outcome.fault) faults.push(`${outcome.name}: ${outcome.fault}`);
    }
    if (lost) {
      const outcome = await throughTheGate(lost);
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      if (outcome.startsWith('fault')) faults.push(`${lost.what}: ${outcome}`);
    }
    left = left.slice(outcomes.length + (lost ? 1 : 0));
  }
  console.table(counts);
  for (const fault of faults) console.log(fault);
  console.log(`${flips} flips in ${models.length} files: ${faults.length} faults`);
  return faults.length > 0 ? 1 : 0;
}

/** A place and a bit that depend on the seed and the number of the flip alone. */
function flipped(model, flip, seed) {
  const digest = createHash('sha256').update(`${seed} ${flip}`).digest();
  const at = digest.readUInt32LE(0) % model.bytes.length;
  const bytes = Buffer.from(model.bytes);
  bytes[at] ^= 1 << (digest[4] % 8);
  return { bytes, what: `${model.name}, byte ${at}, bit ${digest[4] % 8}` };
}

/** Tries files until the process has done all of them, or has ended or hung with one, which is then `lost`. */
async function tryAll(files) {
  const script = `ulimit -c 0; ulimit -d ${MEMORY_KILOBYTES}; exec "$@"`;
  const program = [process.execPath, inRoot('test/fuzz/flipped-models.mjs'), folder];
  const child = spawn('/bin/sh', ['-c', script, 'trials', ...program], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(files.map(({ name }) => name).join('\n'));
  let timer;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => child.kill('SIGKILL'), SILENCE_MS);
  };
  watch();
  const outcomes = [];
  for await (const line of createInterface({ input: child.stdout })) {
    watch();
    outcomes.push(JSON.parse(line));
  }
  clearTimeout(timer);
  return { outcomes, lost: files[outcomes.length] };
}

/** What the gate itself says of a file that was too much for the process that tries many. */
async function throughTheGate({ name, model }) {
  const bytes = readFileSync(path.join(folder, `${name}.flipped`));
  const hosts = new ModelHosts({
    launcher: Promise.resolve([]),
    places: { take: async () => () => undefined, becameIdle: () => undefined },
    memoryBytes: MEMORY_KILOBYTES * 1024,
    loadTimeoutMs: SILENCE_MS,
    runTimeoutMs: SILENCE_MS,
    idleMs: SILENCE_MS,
    onFailure: () => undefined,
  });
  const file = {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    sizeBytes: bytes.length,
    open: async () => Readable.from([bytes]),
  };
  try {
    await hosts.examine('fuzz', file, (graph) => completeSignature(graph, model.type, model.description));
    return 'accepted by the gate alone';
  } catch (error) {
    return isRefusal(error) ? 'refused by the gate' : `fault of the gate: ${error.stack}`;
  } finally {
    await hosts.close();
  }
}
