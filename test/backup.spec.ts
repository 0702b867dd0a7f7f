import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderObjectStore } from '#libs/object-store';
import { PredictionCounter } from '../src/modules/prediction-log/counts/prediction-counter.js';
import { UsageCounter } from '../src/platform/usage/usage-counter.js';
import { backup } from '../src/platform/backup/backup.js';
import type { Manifest } from '../src/platform/backup/backup-format.js';
import { restore } from '../src/platform/backup/restore.js';
import { inOrder } from '../src/platform/backup/tables.js';
import { ObjectOwners } from '../src/platform/storage/object-owners.js';
import type { Client } from './support/client.js';
import { makeData } from './support/data.js';
import { Service } from './support/service.js';

const AWKWARD = 'quotes " and \\ and \n and \u2028 and é and 😀';

const ownersOf = (service: Service) => service.app.get(ObjectOwners, { strict: false }).all;

const storeOf = (service: Service) => new FolderObjectStore(join(service.stateDir, 'objects'));

/** A job that was written to after more children of it than a restore inserts at once, and so is read after them. */
async function addFamily({ database }: Service): Promise<void> {
  const columns = `(id, tenant_id, kind, parent_id, status, ended_at, spec, submitted_by, engine)`;
  const ended = `'failed', now(), '{}', 'ana', 'local'`;
  await database.query(
    `insert into jobs ${columns} values ('train-p', 'acme-corp', 'training', null, ${ended})`,
  );
  await database.query(
    `insert into jobs ${columns}
     select 'train-' || n, 'acme-corp', 'training', 'train-p', ${ended} from generate_series(1, 1000) n`,
  );
  await database.query(`update jobs set updated_at = now() where id = 'train-p'`);
}

describe('a backup', () => {
  let source: Service;
  let acme: Client;
  let scratch: string;
  let whole: string;
  let manifest: Manifest;
  let prediction: object;
  let modelId: string;

  const save = (to: string) =>
    backup({ ownerUrl: source.database.ownerUrl, store: storeOf(source), owners: ownersOf(source), to });
  const load = (service: Service, from: string) =>
    restore({
      ownerUrl: service.database.ownerUrl,
      store: storeOf(service),
      owners: ownersOf(service),
      from,
    });

  /** A copy of the backup, to be damaged. */
  async function copied(name: string): Promise<string> {
    const folder = join(scratch, name);
    await cp(whole, folder, { recursive: true });
    return folder;
  }

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'modelplane-backup-'));
    source = await Service.start({ role: 'all' });
    acme = await source.as('acme-corp');
    const { 'train.parquet': train } = await makeData('train.parquet');
    await acme.put('/api/v1/objects/tenants/acme-corp/train.parquet', train);
    const data_config = { train_path: 's3://tenants/acme-corp/train.parquet', target_column: 'churned' };
    const job = await acme.post('/api/v1/training', {
      model_name: 'churn',
      framework: 'sklearn',
      data_config,
    });
    const { body } = await acme.waitForJob(`/api/v1/training/${job.body.job_id}`);
    modelId = body.result.model_id;
    for (const target_stage of ['staging', 'production'])
      await acme.put(`/api/v1/models/${modelId}/stage`, { version: '1.0.0', target_stage });
    const model = { name: 'described', description: AWKWARD, model_type: 'regression', framework: 'xgboost' };
    await (await source.as('globex')).post('/api/v1/models', { ...model, tags: { empty: '' } });
    prediction = await predict(acme);
    await addFamily(source);
    whole = join(scratch, 'whole');
    // What was counted until now, so that the source says the same afterwards.
    await source.app.get(PredictionCounter, { strict: false }).flush();
    await source.app.get(UsageCounter, { strict: false }).flush();
    manifest = await save(whole);
  });

  afterAll(async () => {
    await source.stop();
    await rm(scratch, { recursive: true, force: true });
  });

  async function predict(client: Client): Promise<object> {
    const features = {
      total_orders: 3,
      days_since_last_order: 190,
      avg_order_value: 20.5,
      support_tickets: 4,
    };
    const options = { return_probabilities: true };
    const { status, body } = await client.post('/api/v1/predictions', {
      model_id: modelId,
      features,
      options,
    });
    expect(status).toBe(200);
    const { prediction, probabilities, version } = body;
    return { prediction, probabilities, version };
  }

  describe('restored into an empty installation', () => {
    let target: Service;

    beforeAll(async () => {
      target = await Service.start();
      await load(target, whole);
    });
    afterAll(() => target.stop());

    it('has every row of every table as it was', async () => {
      for (const { name, rows } of manifest.tables) {
        const sql = `select to_jsonb(t)::text as row from ${name} t order by 1`;
        const before = await source.database.query(sql);
        expect({ name, rows: before.length }).toEqual({ name, rows });
        expect(await target.database.query(sql)).toEqual(before);
      }
      expect(manifest.tables.filter(({ rows }) => rows > 0).map(({ name }) => name)).toEqual(
        expect.arrayContaining(['jobs', 'job_events', 'models', 'model_versions', 'stage_changes']),
      );
    });

    it('predicts as before, with a server that was running meanwhile', async () => {
      expect(await predict(await target.as('acme-corp'))).toEqual(prediction);
    });

    it('has the objects of tenants, and still shows none of another tenant', async () => {
      const object = '/api/v1/objects/tenants/acme-corp/train.parquet';
      const mine = await target.as('acme-corp');
      const theirs = await target.as('globex');
      expect((await mine.get(object)).body).toEqual((await acme.get(object)).body);
      expect((await theirs.get(object)).status).toBe(403);
      expect((await theirs.get(`/api/v1/models/${modelId}`)).status).toBe(404);
      const { data } = (await theirs.get('/api/v1/models')).body;
      expect(data).toEqual([expect.objectContaining({ name: 'described', description: AWKWARD })]);
    });

    it('takes further writes', async () => {
      const mine = await target.as('acme-corp');
      const model = { name: 'later', model_type: 'regression', framework: 'sklearn' };
      expect((await mine.post('/api/v1/models', model)).status).toBe(201);
      const stage = { version: '1.0.0', target_stage: 'staging' };
      expect((await mine.put(`/api/v1/models/${modelId}/stage`, stage)).status).toBe(200);
    });

    it('is not restored over', async () => {
      await expect(load(target, whole)).rejects.toThrow(/is not empty: changes, jobs, .*models.* have rows/);
    });
  });

  describe('refused for an installation', () => {
    let target: Service;

    beforeEach(async () => {
      target = await Service.start();
    });
    afterEach(() => target.stop());

    const rowsOf = async (table: string) =>
      (await target.database.query<{ n: number }>(`select count(*)::int as n from ${table}`))[0]?.n;

    it('that has objects of its own', async () => {
      const globex = await target.as('globex');
      await globex.put('/api/v1/objects/tenants/globex/own.csv', 'a,b\n1,2\n', {
        'content-type': 'text/csv',
      });
      await expect(load(target, whole)).rejects.toThrow(
        /s3:\/\/tenants\/globex\/own.csv is not of this backup/,
      );
      expect(await rowsOf('models')).toBe(0);
    });

    it('with other migrations, naming them', async () => {
      await target.database.query(`insert into migrations (timestamp, name) values (9, 'Later9')`);
      await expect(load(target, whole)).rejects.toThrow(
        /not migrated as the backup was; it has Later9 beyond it/,
      );
      await target.database.query(
        `delete from migrations where name in ('Later9', 'PredictionLog1760000000004')`,
      );
      await expect(load(target, whole)).rejects.toThrow(/it lacks PredictionLog1760000000004/);
    });

    it('where it is damaged, before anything is written', async () => {
      const changed = await copied('changed');
      await appendFile(join(changed, 'tables/models.jsonl'), '[]\n');
      await expect(load(target, changed)).rejects.toThrow(/damaged: .*models.jsonl has the SHA-256/);

      const lost = await copied('lost');
      const [digest] = await readdir(join(lost, 'objects'));
      await rm(join(lost, 'objects', digest as string));
      await expect(load(target, lost)).rejects.toThrow(`${digest} is missing`);

      const flipped = await copied('flipped');
      await writeFile(join(flipped, 'objects', digest as string), 'other');
      await expect(load(target, flipped)).rejects.toThrow(/damaged/);

      await rm(join(changed, 'backup.json'));
      await expect(load(target, changed)).rejects.toThrow(/is no backup, or one that was interrupted/);
      expect(await rowsOf('models')).toBe(0);
      expect((await storeOf(target).list({ bucket: 'modelplane', prefix: '' })).objects).toEqual([]);
    });

    it('of a format that this version does not know', async () => {
      const newer = await copied('newer');
      await writeFile(join(newer, 'backup.json'), JSON.stringify({ ...manifest, format: 2 }));
      await expect(load(target, newer)).rejects.toThrow(/has the format 2; this version reads format 1/);
    });

    it('until it is given again after an interruption', async () => {
      const objects = (await readFile(join(whole, 'objects.jsonl'), 'utf8')).split('\n');
      const { bucket, key, sha256 } = JSON.parse(objects[0] as string);
      await storeOf(target).put({ bucket, key }, await readFile(join(whole, 'objects', sha256)));
      await load(target, whole);
      expect(await predict(await target.as('acme-corp'))).toEqual(prediction);
    });
  });

  describe('made', () => {
    it('into an empty folder only', async () => {
      const folder = join(scratch, 'used');
      await mkdir(folder);
      await writeFile(join(folder, 'mine.txt'), 'mine');
      await expect(save(folder)).rejects.toThrow(`${folder} is not empty`);
      expect(await readdir(folder)).toEqual(['mine.txt']);
    });

    it('by the owner of the tables only, who alone sees every row', async () => {
      const to = join(scratch, 'blind');
      const work = backup({
        ownerUrl: source.database.appUrl,
        store: storeOf(source),
        owners: ownersOf(source),
        to,
      });
      await expect(work).rejects.toThrow(/does not see every row of|permission denied/);
      expect(await readdir(to)).not.toContain('backup.json');
    });

    it('not where an artifact that a version names is missing or damaged', async () => {
      const artifacts = join(source.stateDir, 'objects/modelplane/acme-corp/artifacts');
      const [row] = await source.database.query<{ sha: string }>(
        "select sha256 as sha from version_files where name = 'model'",
      );
      const file = join(artifacts, row?.sha as string);
      const content = await readFile(file);
      try {
        await writeFile(file, 'damaged');
        await expect(save(join(scratch, 'damaged'))).rejects.toThrow(/artifacts\/.* is damaged/);
        await rm(file);
        await expect(save(join(scratch, 'missing'))).rejects.toThrow(
          `1 objects that rows name are missing: s3://modelplane/acme-corp/artifacts/${row?.sha} (files of model versions)`,
        );
        expect(await readdir(join(scratch, 'missing'))).not.toContain('backup.json');
      } finally {
        await writeFile(file, content);
      }
    });

    it('of what was there when it began, while others write', async () => {
      const to = join(scratch, 'busy');
      let writing = true;
      const writer = (async () => {
        for (let n = 0; writing; n++) {
          const model = { name: `busy-${n}`, model_type: 'regression', framework: 'sklearn' };
          expect((await acme.post('/api/v1/models', model)).status).toBe(201);
        }
      })();
      const { tables } = await save(to).finally(() => (writing = false));
      await writer;
      const count = (name: string) => tables.find((table) => table.name === name)?.rows as number;
      // Registering writes a model and its first version in one transaction: a snapshot has both or neither.
      expect(count('model_versions')).toBe(count('models'));
    });

    it('of every table: none is hidden from its owner', async () => {
      const hidden = await source.database.query(
        `select relname from pg_class where relrowsecurity and not exists
           (select from pg_policy where polrelid = pg_class.oid and polname = 'owner_access')`,
      );
      expect(hidden).toEqual([]);
    });
  });
});

describe('the order of tables', () => {
  it('should put those that others refer to first', () => {
    const references = [
      { from: 'a', to: 'c' },
      { from: 'c', to: 'b' },
      { from: 'b', to: 'b' },
    ];
    expect(inOrder(['a', 'b', 'c'], references)).toEqual(['b', 'c', 'a']);
  });

  it('should not be made up for tables that refer to each other', () => {
    const circle = [
      { from: 'a', to: 'b' },
      { from: 'b', to: 'a' },
    ];
    expect(() => inOrder(['a', 'b', 'c'], circle)).toThrow('a, b refer to each other in a circle');
  });
});
