import path from 'node:path';
import { inRoot } from '../../scripts/parts/paths.mjs';
import { pythonWith } from '../../scripts/parts/python-environment.mjs';

/** Schemathesis as requirements.lock names it. @returns the path of its command */
export async function installSchemathesis() {
  const python = await pythonWith('schemathesis', inRoot('test', 'fuzz', 'requirements.lock'));
  return path.join(path.dirname(python), 'schemathesis');
}
