// node --import: writes what this process has PostgreSQL do to the file that STATEMENTS_FILE names, one transaction a
// line: {sentAt, statements: [{role, sql, parameters}]}.
import { appendFileSync } from 'node:fs';
import pg from 'pg';

const { query } = pg.Client.prototype;

/** The statements so far of each connection that has a transaction open. */
const open = new WeakMap();

/** Microseconds of a clock that all processes of the machine share. */
const now = () => Number(process.hrtime.bigint() / 1000n);

/** JSON has no bytes; PostgreSQL reads this text as such. */
const portable = (parameter) =>
  parameter instanceof Uint8Array ? `\\x${Buffer.from(parameter).toString('hex')}` : parameter;

pg.Client.prototype.query = function (...args) {
  const [sql, parameters = []] = args;
  const sentAt = now();
  const answer = query.apply(this, args);
  // With a callback, TypeORM only asks the server for its version as it connects.
  if (typeof sql !== 'string' || !(answer instanceof Promise)) return answer;
  const statement = {
    role: this.user.replace('modelplane_', ''),
    sql: sql.replaceAll(/\s*\n\s*/g, '\n').trim(),
    parameters: parameters.map(portable),
  };
  // What fails changes nothing: a transaction that it was part of is rolled back.
  answer.then(
    () => note(this, sentAt, statement),
    () => {},
  );
  return answer;
};

function note(client, sentAt, statement) {
  if (statement.sql === 'START TRANSACTION') open.set(client, []);
  const statements = open.get(client) ?? [];
  statements.push(statement);
  if (statement.sql === 'ROLLBACK') open.delete(client);
  if (open.has(client) && statement.sql !== 'COMMIT') return;
  open.delete(client);
  if (statement.sql !== 'ROLLBACK')
    appendFileSync(process.env.STATEMENTS_FILE, `${JSON.stringify({ sentAt, statements })}\n`);
}
