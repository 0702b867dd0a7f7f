// Every setting that code, commands, manifests and documentation name stands in .env.example.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

const WHERE = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'docs',
  'docker',
  'scripts',
  'src',
  'trainer/src',
];
const NAMED = /\bMODELPLANE_[A-Z0-9_]*[A-Z0-9]\b(?!_)/g;
/** Not of an installation: what tests are told, and what the trainer tells its own children. */
const INNER = /^MODELPLANE_(TEST_|FORKSERVER_SCRUBBED$)/;
/** Of Compose alone, in the order of its own example. */
const COMPOSE = 'docker/.env.example';

/** What is named in a tree and stands in none of its examples, with the first file that names it. */
export function unknownSettings(root) {
  const examples = ['.env.example', COMPOSE].filter((name) => existsSync(path.join(root, name)));
  const compose = path.join(root, 'docker', 'compose.yaml');
  const known = new Set(
    [...examples.map((name) => path.join(root, name)), compose]
      .filter(existsSync)
      .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(definition(file))].map(([, name]) => name)),
  );
  const faults = new Map();
  for (const file of WHERE.flatMap((name) => filesIn(path.join(root, name)))) {
    for (const [name] of readFileSync(file, 'utf8').matchAll(NAMED)) {
      if (known.has(name) || INNER.test(name) || faults.has(name)) continue;
      faults.set(name, `${path.relative(root, file)} names ${name}, which .env.example does not have`);
    }
  }
  return [...faults.values()];
}

/** In an example a line for each; in Compose a variable with its default. */
const definition = (file) =>
  file.endsWith('.yaml') ? /\$\{(MODELPLANE_[A-Z0-9_]+):-/g : /^#? ?(MODELPLANE_[A-Z0-9_]+)=/gm;

function filesIn(from) {
  if (!existsSync(from)) return [];
  if (statSync(from).isFile()) return [from];
  return readdirSync(from, { recursive: true })
    .map((name) => path.join(from, name))
    .filter(
      (file) =>
        statSync(file).isFile() && !file.includes('__pycache__') && !/\.(test\.mjs|spec\.ts)$/.test(file),
    );
}
