import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A compiled file of this folder, also where this one runs uncompiled in tests: a new process has no compiler. */
export function compiled(name: string): string {
  return join(rootFolder(), 'dist/libs/inference/src/host', name);
}

/** What a process that runs models reads, beside what Node needs of the system. */
export function filesOfHosts(): string[] {
  return ['dist', 'node_modules', 'package.json'].map((name) => join(rootFolder(), name));
}

function rootFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder) throw new Error(`no package.json above ${import.meta.dirname}`);
    folder = dirname(folder);
  }
  return folder;
}
