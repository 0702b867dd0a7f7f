import { createHash } from 'node:crypto';
import { hasEnded } from './moments.mjs';
import { TENANT } from './stack.mjs';

/**
 * Counts what was lost of all that was acknowledged.
 * @returns one sentence for each loss; empty where there is none
 */
export async function audit(stack, { jobs, cancelled = [], stages, witness }) {
  return [
    ...(await jobLosses(stack, jobs, cancelled)),
    ...(await versionLosses(stack, jobs)),
    ...(await artifactLosses(stack)),
    ...(await historyLosses(stack, stages)),
    ...(await witnessLosses(stack, witness)),
  ];
}

async function jobLosses({ ledger, caller }, jobs, cancelled) {
  const losses = [];
  for (const id of jobs) {
    const { status, body } = await caller.once('GET', `/api/v1/training/${id}`);
    if (status !== 200) losses.push(`job ${id} was acknowledged and answers ${status}`);
    else if (!hasEnded(body)) losses.push(`job ${id} has not ended: ${body.status}`);
    else if (body.status !== (cancelled.includes(id) ? 'cancelled' : 'succeeded'))
      losses.push(`job ${id} is ${body.status}: ${body.error?.message}`);
  }
  const ends = await ledger.rows(
    `select job_id, count(*)::int as ends from job_events
     where type in ('succeeded', 'failed', 'cancelled') group by job_id having count(*) > 1`,
  );
  for (const { job_id, ends: count } of ends) losses.push(`job ${job_id} ended ${count} times`);
  return losses;
}

async function versionLosses({ ledger }, jobs) {
  const rows = await ledger.rows(
    `select job.id, count(version.id)::int as versions from jobs job
     left join model_versions version on version.job_id = job.id
     where job.status = 'succeeded' group by job.id having count(version.id) <> 1`,
  );
  const losses = rows.map(({ id, versions }) => `job ${id} succeeded and has ${versions} versions`);
  const strangers = await ledger.rows(
    `select version.job_id from model_versions version join jobs job on job.id = version.job_id
     where job.status <> 'succeeded'`,
  );
  losses.push(...strangers.map(({ job_id }) => `job ${job_id} has a version and did not succeed`));
  const numbers = await ledger.rows(
    `select model_id, major, minor, patch from model_versions where filled_at is not null
     order by model_id, major, minor, patch`,
  );
  const seen = new Set();
  for (const { model_id, major, minor, patch } of numbers) {
    const number = `${model_id} ${major}.${minor}.${patch}`;
    if (seen.has(number)) losses.push(`version ${number} is there twice`);
    seen.add(number);
    if (minor > 0 && !seen.has(`${model_id} ${major}.${minor - 1}.0`))
      losses.push(`version ${number} follows on nothing`);
  }
  const known = new Set((await ledger.rows('select id from jobs')).map(({ id }) => id));
  losses.push(...jobs.filter((id) => !known.has(id)).map((id) => `job ${id} has no row`));
  return losses;
}

/** SHA-256 of an object, or why it cannot be read. */
async function digestOf({ objects }, bucket, key) {
  try {
    const hash = createHash('sha256');
    for await (const chunk of (await objects.get({ bucket, key })).stream) hash.update(chunk);
    return hash.digest('hex');
  } catch (error) {
    return error.message;
  }
}

async function artifactNames({ objects }) {
  const names = [];
  const prefix = `${TENANT}/artifacts/`;
  for (let after, truncated = true; truncated;) {
    const page = await objects.list({ bucket: 'modelplane', prefix, after });
    names.push(...page.objects.map(({ key }) => key.slice(prefix.length)));
    ({ truncated } = page);
    after = page.objects.at(-1)?.key;
  }
  return names;
}

/** Whatever lies at a content address is whole. What a version names has to lie there: `historyLosses`. */
async function artifactLosses(stack) {
  const losses = [];
  for (const name of await artifactNames(stack)) {
    if (
      /^[0-9a-f]{64}$/.test(name) &&
      (await digestOf(stack, 'modelplane', `${TENANT}/artifacts/${name}`)) !== name
    )
      losses.push(`artifact ${name} does not hold what it is named for`);
  }
  return losses;
}

async function historyLosses(stack, stages) {
  const { ledger } = stack;
  const losses = [];
  const files = await ledger.rows('select distinct sha256 from version_files');
  const there = new Set(await artifactNames(stack));
  for (const { sha256 } of files) {
    if (!there.has(sha256)) losses.push(`artifact ${sha256} is named by a version and is not there`);
  }
  const moves = await ledger.rows(
    `select model_id || ' ' || version || ' ' || to_stage as move from stage_changes`,
  );
  const kept = moves.map(({ move }) => move);
  for (const move of stages) {
    const times = kept.filter((each) => each === move).length;
    if (times !== 1) losses.push(`the move "${move}" is ${times} times in the history`);
  }
  return losses;
}

async function witnessLosses(stack, { objects, models, failures }) {
  const losses = failures.map(
    ({ request, status, body }) =>
      `${request} was answered ${status} during a fault: ${JSON.stringify(body)}\n${stack.logOf(body?.request_id)}`,
  );
  for (const [name, digest] of objects) {
    if ((await digestOf(stack, 'data', name)) !== digest)
      losses.push(`object ${name} does not hold what was acknowledged`);
  }
  const known = new Map(
    (await stack.ledger.rows('select id, name from models')).map(({ id, name }) => [name, id]),
  );
  for (const [name, id] of models)
    if (known.get(name) !== id) losses.push(`model ${name} was acknowledged and is not there`);
  return losses;
}
