import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { foreignTables } from './table-owners.mjs';

const ENTITIES = {
  'migrations/0001.ts': '`create table models (id uuid); create table jobs (id text);`',
  'src/modules/models/model.entity.ts': `@Entity('models') export class Model {}`,
  'src/platform/jobs/job.entity.ts': `@Entity('jobs') export class Job {}\nexport const STATES = [];`,
};

function faultsOf(files, claimed = {}) {
  const root = mkdtempSync(path.join(tmpdir(), 'tables-'));
  for (const [name, text] of Object.entries({ ...ENTITIES, ...files })) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  return foreignTables(root, claimed);
}

const inModels = (text) => faultsOf({ 'src/modules/models/deep/a.ts': text });
const NAMED = ['src/modules/models/deep/a.ts:1: names the table jobs of src/platform/jobs'];

for (const sql of [
  `'select from jobs where id = $1'`,
  '`select 1 from models, jobs`',
  '`select 1 from models as m, jobs as j`',
  '`select 1 from models m join public.jobs on true`',
  '`SELECT 1 FROM "jobs"`',
  '`insert into jobs (id) values (${id})`',
  '`select ${columns} from jobs`',
  '`select ${inner ? `exists (select from jobs)` : ""}`',
  `'update jobs set id = 1'`,
  `'delete from only jobs'`,
  `'lock table jobs'`,
  `'truncate jobs'`,
  `'delete from models using jobs'`,
]) {
  test(`SQL of another's table is found: ${sql}`, () => assert.deepEqual(inModels(sql), NAMED));
}

test('SQL of its own tables, of none, and of a spec is not', () => {
  assert.deepEqual(inModels('`select jobs from models for update`; "jobs from elsewhere"; // from jobs'), []);
  assert.deepEqual(faultsOf({ 'src/modules/models/a.spec.ts': `'select from jobs'` }), []);
});

test('an entity of another is found where it is more than a type or the end of a foreign key', () => {
  const use = (name, line) => faultsOf({ [`src/modules/models/${name}`]: line });
  const from = `from '../../platform/jobs/job.entity.js'`;
  assert.deepEqual(use('models.repository.ts', `import { Job } ${from};`), [
    'src/modules/models/models.repository.ts:1: uses the entity Job of src/platform/jobs',
  ]);
  assert.equal(use('a.ts', `import { STATES, Job as Other } ${from};`).length, 1);
  assert.deepEqual(use('a.ts', `import type { Job } ${from};`), []);
  assert.deepEqual(use('a.ts', `import { type Job, STATES } ${from};`), []);
  assert.deepEqual(use('version.entity.ts', `import { Job } ${from};`), []);
});

test('a table without an entity has to be claimed, and is then held to its owner', () => {
  const files = {
    'migrations/0002.ts': '`create table leases (id text)`',
    'src/modules/models/a.ts': `'select from leases'`,
  };
  assert.deepEqual(faultsOf(files), [
    'the table leases has no entity: say in scripts/parts/table-owners.mjs whose it is',
  ]);
  assert.deepEqual(faultsOf(files, { leases: 'src/modules/models' }), []);
  assert.deepEqual(faultsOf(files, { leases: 'src/platform/tasks' }), [
    'src/modules/models/a.ts:1: names the table leases of src/platform/tasks',
  ]);
});
