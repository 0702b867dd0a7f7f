import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { databaseUrls } from './provisioning.mjs';
import { inRoot, ROOT, TRAINER_PYTHON } from './paths.mjs';
import { run } from './programs.mjs';
import { TEMPLATE } from './template-database.mjs';
import { countResults, parseJest, parseJunit, parseTap } from './test-results.mjs';

/** What the tests are told; nothing that a developer's shell sets for the application reaches them. */
export function testEnvironment({ stateDir, postgres, secrets, redis, s3 }) {
  const inherited = Object.entries(process.env).filter(
    ([name]) => name === 'MODELPLANE_TEST_DATA' || !/^(MODELPLANE_|AWS_|DATABASE_URL$|REDIS_URL$)/.test(name),
  );
  const urls = databaseUrls(postgres, secrets, TEMPLATE);
  return {
    ...Object.fromEntries(inherited),
    ...(process.stdout.isTTY && { FORCE_COLOR: '1' }),
    MODELPLANE_TEST_ADMIN_URL: postgres.adminUrl,
    MODELPLANE_TEST_OWNER_URL: urls.migrationUrl,
    MODELPLANE_TEST_APP_URL: urls.appUrl,
    MODELPLANE_TEST_SYSTEM_URL: urls.systemUrl,
    MODELPLANE_TEST_REDIS_URL: redis.url,
    MODELPLANE_TEST_S3_ENDPOINT: s3.endpoint,
    MODELPLANE_TEST_S3_ACCESS_KEY_ID: s3.accessKeyId,
    MODELPLANE_TEST_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    // What spec files make for each other: test/support/made-once.ts.
    MODELPLANE_TEST_SHARED_DIR: path.join(stateDir, 'shared'),
    MODELPLANE_PYTHON: TRAINER_PYTHON,
  };
}

/** The runners in their order; each writes its results to a file in `folder`. */
export function testRunners(folder, jestArguments) {
  const results = (name) => path.join(folder, name);
  const jest = results('jest.json');
  const pytest = results('pytest.xml');
  const fuzz = results('fuzz.xml');
  return [
    {
      name: 'Jest',
      command: [
        process.execPath,
        [
          '--no-warnings',
          inRoot('node_modules', 'jest', 'bin', 'jest.js'),
          '--ci',
          '--json',
          `--outputFile=${jest}`,
          ...jestArguments,
        ],
      ],
      file: jest,
      parse: parseJest,
    },
    {
      name: 'pytest',
      command: [TRAINER_PYTHON, ['-m', 'pytest', inRoot('trainer', 'tests'), '-q', `--junitxml=${pytest}`]],
      env: { PYTHONPATH: inRoot('trainer', 'src') },
      file: pytest,
      parse: parseJunit,
    },
    nodeTests('node --test', results('scripts.tap'), 20_000, scriptTests()),
    // Node takes the whole file for one test, too. Each fault has a bound of its own: campaign.mjs.
    nodeTests('Faults', results('faults.tap'), 600_000, [
      inRoot('test', 'faults', 'faults.test.mjs'),
      inRoot('test', 'faults', 'features.test.mjs'),
    ]),
    nodeTests('Neighbours', results('neighbours.tap'), 600_000, [
      inRoot('bench', 'neighbours', 'neighbours.test.mjs'),
    ]),
    {
      name: 'Schemathesis',
      command: [
        process.execPath,
        [inRoot('test', 'fuzz', 'run.mjs'), '--seed=1', '--examples=10', `--junit=${fuzz}`],
      ],
      file: fuzz,
      parse: parseJunit,
    },
  ];
}

const nodeTests = (name, tap, timeoutMs, files) => ({
  name,
  command: [
    process.execPath,
    [
      '--test',
      `--test-timeout=${timeoutMs}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      '--test-reporter=tap',
      `--test-reporter-destination=${tap}`,
      ...files,
    ],
  ],
  file: tap,
  parse: parseTap,
});

// Node 20 does not expand patterns after --test.
const scriptTests = () =>
  readdirSync(inRoot('scripts'), { recursive: true })
    .filter((name) => name.endsWith('.test.mjs'))
    .map((name) => inRoot('scripts', name));

/**
 * Runs the first runner and shows what it writes as it comes. Beside it, because it waits for much of its time, the
 * others run one after the other, and each is shown in one piece when it has ended. No two runners share servers,
 * ports or folders.
 * @returns their results in the order of the runners
 */
export async function runTests([live, ...others], environment, { folder, say }) {
  say(`\n--- ${live.name}`);
  if (others.length) say(`(beside it ${others.map(({ name }) => name).join(', ')}: shown when each ends)`);
  const [first, rest] = await Promise.all([
    runOne(live, environment, { show: true }),
    runInTurn(others, environment, { folder, say }),
  ]);
  return [first, ...rest];
}

async function runInTurn(runners, environment, { folder, say }) {
  const results = [];
  for (const runner of runners) {
    const log = path.join(folder, `${runner.name}.log`);
    const descriptor = openSync(log, 'w');
    const started = performance.now();
    results.push(await runOne(runner, environment, { output: descriptor }));
    closeSync(descriptor);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    say(
      `\n--- ${runner.name}\n${readFileSync(log, 'utf8').trim()}\n--- ${runner.name} ended after ${seconds} s\n`,
    );
  }
  return results;
}

/** Runs one runner and counts its results. */
async function runOne({ name, command: [file, args], env, file: results, parse }, environment, options) {
  const { code } = await run(file, args, { ...options, cwd: ROOT, env: { ...environment, ...env } });
  return countResults({ name, file: results, parse, exitCode: code });
}
