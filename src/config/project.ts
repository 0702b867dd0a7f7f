import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of package.json: from the program that runs, be it built, under Jest or a script. */
export const PROJECT_ROOT = findRoot(dirname(process.argv[1] ?? process.cwd())) ?? process.cwd();

/** The version of Modelplane. */
export const VERSION: string = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')).version;

function findRoot(start: string): string | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'nest-cli.json'))) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

/** What a child process may be given parts of; settings are read through the config classes only. */
export const PROCESS_ENVIRONMENT: Readonly<NodeJS.ProcessEnv> = process.env;
