// Prints a development token: npm run --silent token -- --tenant acme-corp --role admin [--subject x] [--days 30]
import './parts/node-version.mjs';
import { parseArgs } from 'node:util';
import { stateDirectory } from './parts/paths.mjs';
import { Problem } from './parts/problem.mjs';
import { readSecrets } from './parts/secrets.mjs';
import { signingSecret, signToken } from './parts/tokens.mjs';

const text = { type: 'string' };

try {
  const { values } = parseArgs({ options: { tenant: text, role: text, subject: text, days: text } });
  const token = signToken({
    tenant: values.tenant,
    role: values.role,
    subject: values.subject,
    days: Number(values.days ?? 30),
    secret: signingSecret(process.env, () => readSecrets(stateDirectory())),
  });
  process.stdout.write(`${token}\n`);
} catch (error) {
  if (!(error instanceof Problem) && !error.code?.startsWith('ERR_PARSE_ARGS')) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
