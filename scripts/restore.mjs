// npm run restore -- --from FOLDER: fills an empty installation of the same version with a backup.
import './parts/node-version.mjs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { backupModules } from './parts/built.mjs';
import { onInstallation } from './parts/installation.mjs';
import { Problem, reportProblem } from './parts/problem.mjs';

try {
  const from = path.resolve(options().from);
  const { restore } = await backupModules();
  const { created_at, tables, objects } = await onInstallation(
    (installation) => restore({ ...installation, from }),
    { create: true },
  );
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  process.stdout.write(
    `Restored ${rows} rows of ${tables.length} tables and ${objects.count} objects, as of ${created_at}\n`,
  );
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

function options() {
  try {
    const { values } = parseArgs({ options: { from: { type: 'string' } } });
    if (!values.from) throw new Problem('--from must name the folder of a backup');
    return values;
  } catch (error) {
    if (error.code?.startsWith('ERR_PARSE_ARGS')) throw new Problem(error.message);
    throw error;
  }
}
