// npm run backup -- --to FOLDER [--bucket NAME …]: the database and the objects it names, as one snapshot.
import './parts/node-version.mjs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { backupModules } from './parts/built.mjs';
import { onInstallation } from './parts/installation.mjs';
import { Problem, reportProblem } from './parts/problem.mjs';

try {
  const { to, bucket: buckets } = options();
  const { backup } = await backupModules();
  const { tables, objects } = await onInstallation((installation) =>
    backup({ ...installation, to: path.resolve(to), buckets }),
  );
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  process.stdout.write(
    `Backed up ${rows} rows of ${tables.length} tables and ${objects.count} objects (${objects.bytes} bytes) to ${path.resolve(to)}\n`,
  );
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

function options() {
  try {
    const { values } = parseArgs({
      options: { to: { type: 'string' }, bucket: { type: 'string', multiple: true } },
    });
    if (!values.to) throw new Problem('--to must name a folder that is empty or does not exist');
    return values;
  } catch (error) {
    if (error.code?.startsWith('ERR_PARSE_ARGS')) throw new Problem(error.message);
    throw error;
  }
}
