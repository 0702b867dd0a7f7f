// Materialization and historical joins beside Feast, windows beside plain DuckDB; on one Redis, by the trainer alone.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { inRoot, TRAINER_PYTHON } from '../../scripts/parts/paths.mjs';
import { mustRun } from '../../scripts/parts/programs.mjs';
import { pythonWith } from '../../scripts/parts/python-environment.mjs';
import { startRedis } from '../../scripts/parts/redis.mjs';
import { Supervisor } from '../../scripts/parts/supervisor.mjs';
import { median, round, table } from '../parts/results.mjs';

/** Rows of a view, rows to join them to, events for windows; Feast materializes its rows once, for minutes. */
export const SIZES = {
  rows: 1_000_000,
  asked: 100_000,
  events: 10_000_000,
  'feast-rows': 1_000_000,
  runs: 3,
};
/** Of a job; the process that it is forked from holds about 280 MiB more. */
const MEMORY_MIB = 700;
/** Of the peer's time. A materialization may instead take 25 s; it takes 600 MiB at most. */
const AIMS = { windows: 1.3, join: 0.2, materialization: 0.2 };
const MATERIALIZATION_AIM = { seconds: 25, mebibytes: 600 };

/** Contenders take turns on the same files; Redis keeps an append-only file, as in production. */
export async function measureOffline({ stateDir }, steps, sizes) {
  const feast = await steps.run('Feast, in an environment of its own', () =>
    pythonWith('feast', inRoot('test', 'feast', 'requirements.lock')),
  );
  const folder = path.join(stateDir, 'offline', 'bench');
  const lesser = path.join(stateDir, 'offline-of-feast', 'bench');
  for (const each of [folder, lesser]) mkdirSync(each, { recursive: true });
  const isLess = sizes['feast-rows'] < sizes.rows;
  await steps.run(`${sizes.rows} rows and ${sizes.events} events`, async () => {
    await ours('make', folder, sizes.rows, sizes.asked, sizes.events);
    if (isLess) await ours('make', lesser, sizes['feast-rows'], 1, 1);
  });
  const supervisor = new Supervisor({ logDir: path.dirname(folder), say: (line) => steps.say(line) });
  try {
    const { url } = await steps.run('A Redis with an append-only file', () =>
      startRedis(supervisor, { stateDir: folder, secrets: { redis_password: 'bench' }, durable: true }),
    );
    const contenders = {
      'windows, plain DuckDB': () => ours('plain-windows', folder),
      windows: () => ours('windows', folder, MEMORY_MIB),
      'join, Feast': () => told(feast, 'offline_feast.py', 'join', folder),
      join: () => ours('join', folder, MEMORY_MIB),
      materialization: () => ours('materialization', folder, MEMORY_MIB, url),
    };
    const outcomes = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
    for (let turn = 1; turn <= sizes.runs; turn++)
      for (const [name, run] of Object.entries(contenders))
        outcomes[name].push(await steps.run(`${name}, run ${turn}`, run));
    await steps.run('The same answers', () => compare(folder));
    outcomes['materialization, Feast'] = [
      await steps.run(`materialization of ${sizes['feast-rows']} rows, Feast`, () =>
        told(
          feast,
          'offline_feast.py',
          'materialization',
          isLess ? lesser : folder,
          `${new URL(url).host},password=bench`,
        ),
      ),
    ];
    return report(steps, outcomes, sizes.rows / sizes['feast-rows']);
  } finally {
    await supervisor.stop('redis');
  }
}

async function compare(folder) {
  const windows = await ours('same', folder, 'windows', 'plain');
  assert.deepEqual([windows.different, windows.alone_with_values], [0, 0]);
  // Feast drops rows without values, and takes values that were created after the row's time, of a minute here.
  const join = await ours('same', folder, 'join', 'feast');
  assert.equal(join.alone_with_values, 0);
  assert.ok(join.different < join.compared / 1000, JSON.stringify(join));
}

/** @param scale how many times as many rows as Feast are materialized */
function report(steps, outcomes, scale) {
  const measured = Object.entries(outcomes).map(([name, runs]) => ({
    name,
    seconds: round(median(runs.map((each) => each.seconds)), 2),
    processor_seconds: round(median(runs.map((each) => each.processor_seconds)), 2),
    peak_mebibytes: runs[0].peak_bytes
      ? Math.round(Math.max(...runs.map((each) => each.peak_bytes)) / 2 ** 20)
      : null,
    runs,
  }));
  const of = (name) => measured.find((each) => each.name === name);
  const ratios = {
    windows: round(of('windows').seconds / of('windows, plain DuckDB').seconds, 2),
    join: round(of('join').seconds / of('join, Feast').seconds, 2),
    materialization: round(of('materialization').seconds / (of('materialization, Feast').seconds * scale), 2),
  };
  const lines = measured.map((each) => [
    each.name,
    each.seconds,
    each.processor_seconds,
    each.peak_mebibytes ?? '',
    ratios[each.name] ?? '',
    AIMS[each.name] ?? '',
  ]);
  const header = ['', 'median s', 'processor s', 'peak MiB', 'of the peer', 'aim'];
  steps.say(`\n${table(header, lines)}\n`);
  const { seconds, peak_mebibytes: mebibytes } = of('materialization');
  const failed =
    ratios.windows > AIMS.windows ||
    ratios.join > AIMS.join ||
    (ratios.materialization > AIMS.materialization && seconds > MATERIALIZATION_AIM.seconds) ||
    mebibytes > MATERIALIZATION_AIM.mebibytes;
  return { measured, ratios, failed };
}

const ours = (what, folder, ...rest) => told(TRAINER_PYTHON, 'offline.py', what, folder, ...rest);

/** The last line that a script prints, as JSON. */
async function told(python, script, ...args) {
  const file = inRoot('bench', 'features', script);
  const output = await mustRun(python, [file, ...args.map(String)], `${script} ${args[0]} failed`);
  return JSON.parse(output.trim().split('\n').at(-1));
}
