import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { migrateDatabase, schemaDifferences } from './built.mjs';
import { build, whileInstalling } from './install.mjs';
import { inRoot, ROOT } from './paths.mjs';
import { onPath, run } from './programs.mjs';
import { unknownSettings } from './settings.mjs';
import { foreignTables } from './table-owners.mjs';
import { startTemporaryServices } from './temporary-services.mjs';

/** A check that is a program: its exit code decides, its output explains. */
function program(file, ...args) {
  return async () => {
    const { ok, output } = await run(file, args, { cwd: ROOT });
    return { ok, detail: output };
  };
}

const tool = (name, ...args) => program(process.execPath, inRoot('node_modules', '.bin', name), ...args);

const script = (name) => program(process.execPath, inRoot('scripts', name), '--check');

/** Folders with Python. */
const PYTHON = ['trainer', 'bench', 'libs', 'test'];
const ruff = (...args) => program(inRoot('trainer', '.venv', 'bin', 'ruff'), ...args);

/** What only some machines have a tool for; the line says so where it is skipped. */
function deploymentChecks() {
  const manifests = ['base', 'migrations', 'overlays/example'].map((name) =>
    inRoot('docker', 'kubernetes', ...name.split('/')),
  );
  return [
    { label: 'Dockerfile (hadolint)', tool: 'hadolint', args: [[inRoot('docker', 'Dockerfile')]] },
    {
      label: 'Kubernetes manifests (kubectl kustomize)',
      tool: 'kubectl',
      args: manifests.map((folder) => ['kustomize', folder]),
    },
  ].map(({ label, tool: name, args }) => {
    const file = onPath(name);
    if (!file) return { label: `${label}: skipped, there is no ${name}`, work: async () => ({ ok: true }) };
    return {
      label,
      work: async () => {
        const outcomes = await Promise.all(args.map((each) => run(file, each, { cwd: ROOT })));
        return outcomes.find(({ ok }) => !ok)
          ? {
              ok: false,
              detail: outcomes
                .filter(({ ok }) => !ok)
                .map(({ output }) => output)
                .join(''),
            }
          : { ok: true };
      },
    };
  });
}

/** The checks in two lanes that run side by side; what needs the build follows it in its lane. */
export function checks({ say }) {
  return [
    [
      { label: 'Types (tsc)', work: tool('tsc', '--noEmit') },
      { label: 'ESLint', work: tool('eslint', '.') },
      { label: 'Prettier', work: tool('prettier', '--check', '.') },
    ],
    [
      { label: 'Build', work: () => attempt(() => whileInstalling(build, say)) },
      { label: 'openapi.json in step with the code', work: script('openapi.mjs') },
      {
        label: '.env.example in step with the config classes',
        work: script('env-example.mjs'),
      },
      {
        label: '.env.example has every setting that anything names',
        work: () => attempt(() => unknownSettings(ROOT)),
      },
      { label: 'Migrations in step with the entities', work: () => attempt(() => compareSchema(say)) },
      {
        label: 'docs/estimators.md in step with its contract',
        work: script('estimators-guide.mjs'),
      },
      {
        label: 'Module boundaries (dependency-cruiser)',
        work: tool('depcruise', '--config', '.dependency-cruiser.cjs', 'src', 'libs'),
      },
      { label: 'Tables named by their owners alone', work: () => attempt(() => foreignTables(ROOT)) },
      { label: 'Ruff', work: ruff('check', ...PYTHON) },
      { label: 'Ruff format', work: ruff('format', '--check', ...PYTHON) },
      ...deploymentChecks(),
      { label: 'Shell scripts', work: () => attempt(parseShellScripts) },
    ],
  ];
}

/** Turns work that throws, or answers a list of faults, into an outcome. */
async function attempt(work) {
  try {
    const faults = await work();
    return Array.isArray(faults) && faults.length ? { ok: false, detail: faults.join('\n') } : { ok: true };
  } catch (error) {
    return { ok: false, detail: [error.message, error.detail].filter(Boolean).join('\n') };
  }
}

async function compareSchema(say) {
  const services = await startTemporaryServices({ say, withRedis: false });
  try {
    await migrateDatabase(services.urls.migrationUrl);
    return await schemaDifferences(services.urls.migrationUrl);
  } finally {
    await services.stop();
  }
}

async function parseShellScripts() {
  const faults = [];
  for (const file of shellScripts()) {
    const shell = readFileSync(file, 'utf8').split('\n')[0].includes('bash') ? 'bash' : 'sh';
    const { ok, output } = await run(shell, ['-n', file]);
    if (!ok) faults.push(output.trim());
  }
  return faults;
}

function shellScripts() {
  const folders = ['.ci', 'scripts', 'docker', 'bench', 'docs', 'test']
    .map((name) => inRoot(name))
    .filter(existsSync);
  return folders
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => path.join(folder, name)))
    .filter((file) => statSync(file).isFile())
    .filter(
      (file) => file.endsWith('.sh') || /^#!.*\b(ba|da)?sh\b/.test(readFileSync(file, 'utf8').slice(0, 80)),
    );
}
