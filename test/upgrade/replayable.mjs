const CONTROL = /^(START TRANSACTION|COMMIT)$/;
const TENANT = /^select set_config\('app\.tenant_id'/;
const WRITES = /\b(insert|update|delete)\b/i;

const TASK_CLAIM = /^with made as \(insert into tasks/;
const TASK_END = /^update tasks set holder = null, lease_until = null, last_ended_at/;

/**
 * The statements of recorded transactions, in an order in which one connection of each role can send them again.
 * @param transactions `{sentAt, statements}` of all processes, in any order
 */
export function replayable(transactions) {
  // Whoever has seen what another transaction did sends its own COMMIT after that one's.
  const inOrder = transactions.toSorted((one, other) => one.sentAt - other.sentAt);
  const seen = new Set();
  const endedTasks = new Set();
  const kept = [];
  for (const { statements } of inOrder) {
    // The replay is of one tenant, which its session names.
    const inside = statements.filter(({ sql }) => !CONTROL.test(sql) && !TENANT.test(sql));
    const [first] = inside;
    if (!first) continue;
    // A process asks again and again whether something has changed: once is enough of what reads.
    const text = JSON.stringify(inside);
    if (seen.has(text) && !inside.some(({ sql }) => WRITES.test(sql))) continue;
    seen.add(text);
    // Whether a task is due again depends on how many seconds have passed since its last turn, which a replay does
    // not wait for: each task has its first turn alone.
    if (TASK_CLAIM.test(first.sql)) {
      first.parameters[0] = first.parameters[0].filter((name) => !endedTasks.has(name));
      if (first.parameters[0].length === 0) continue;
    }
    if (TASK_END.test(first.sql)) {
      const [name, attempt] = first.parameters;
      if (attempt > 1) continue;
      endedTasks.add(name);
    }
    // A statement is a transaction by itself.
    if (inside.length === 1) kept.push(first);
    else kept.push(control(first, 'START TRANSACTION'), ...inside, control(first, 'COMMIT'));
  }
  return kept;
}

const control = ({ role }, sql) => ({ role, sql, parameters: [] });
