import { existsSync } from 'node:fs';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { AppLogger } from '../src/platform/observability/logger.js';
import { ArtifactSweeper } from '../src/platform/storage/artifact-sweeper.js';
import { laterModule, makeLaterTable } from './support/later-module.js';
import { Service } from './support/service.js';

const DAY_HOURS = 24;

describe('the sweeper of artifacts', () => {
  let service: Service;

  beforeAll(async () => {
    service = await Service.start({ imports: [laterModule()] });
    await makeLaterTable(service.database);
  });
  afterEach(() => jest.restoreAllMocks());
  afterAll(() => service.stop());

  const sweep = () => service.app.get(ArtifactSweeper, { strict: false }).sweep();
  const digest = (letter: string) => letter.repeat(64);
  const file = (key: string) => join(service.stateDir, 'objects/modelplane', key);
  const isThere = (key: string) => existsSync(file(key));
  const artifact = (tenant: string, letter: string) => `${tenant}/artifacts/${digest(letter)}`;

  async function store(key: string, ageHours = DAY_HOURS + 1): Promise<void> {
    await mkdir(dirname(file(key)), { recursive: true });
    await writeFile(file(key), key);
    const written = new Date(Date.now() - ageHours * 3600_000);
    await utimes(file(key), written, written);
  }

  const addJob = (tenant: string, id: string, status: string) =>
    service.database.query(
      `insert into jobs (id, tenant_id, kind, status, spec, submitted_by, engine, created_at, ended_at)
       values ($1, $2, 'batch', $3, '{}', 'ana', 'local', now() - interval '3 days',
               case when $3 in ('submitted', 'running') then null else now() - interval '2 days' end)`,
      [id, tenant, status],
    );

  it('deletes what no version of the tenant has named for 24 hours, and nothing else', async () => {
    const acme = await service.as('acme-corp');
    const model = { name: 'kept', model_type: 'regression', framework: 'sklearn' };
    const { model_id } = (await acme.post('/api/v1/models', model)).body;
    await service.database.query(
      `with filled as (update model_versions set signature = '{}', filled_at = now() where model_id = $1
                       returning tenant_id, id)
       insert into version_files (tenant_id, version_id, name, sha256, size)
       select tenant_id, id, name, sha256, 1
       from filled, (values ('model', $2), ('baseline', $3), ('core', $4), ('background', $5)) file (name, sha256)`,
      [model_id, digest('a'), digest('b'), digest('e'), digest('f')],
    );
    for (const letter of ['a', 'b', 'c', 'e', 'f']) await store(artifact('acme-corp', letter));
    await store(artifact('acme-corp', 'd'), DAY_HOURS - 1);
    // The same content as another tenant's artifact is nobody else's business.
    await store(artifact('acme', 'a'));
    await store(artifact('globex', 'c'));

    await sweep();
    const left = (tenant: string) =>
      ['a', 'b', 'c', 'd', 'e', 'f'].filter((letter) => isThere(artifact(tenant, letter)));
    expect(left('acme-corp')).toEqual(['a', 'b', 'd', 'e', 'f']);
    expect(left('acme')).toEqual([]);
    expect(left('globex')).toEqual([]);
  });

  it('keeps what a job of the tenant keeps until it has ended, whatever its age', async () => {
    await addJob('acme-corp', 'batch-waiting', 'submitted');
    await addJob('acme-corp', 'batch-running', 'running');
    await addJob('acme-corp', 'batch-failed', 'failed');
    await addJob('acme-corp', 'batch-succeeded', 'succeeded');
    const note = (tenant: string, job: string) => `${tenant}/jobs/${job}/parts/0.json`;
    for (const job of ['waiting', 'running', 'failed', 'succeeded', 'unknown'])
      await store(note('acme-corp', `batch-${job}`), 30 * DAY_HOURS);
    await store('acme-corp/jobs/batch-failed/parts/1.json', DAY_HOURS - 1);
    await store(note('globex', 'batch-running'));

    await sweep();
    const left = ['waiting', 'running', 'failed', 'succeeded', 'unknown'].filter((job) =>
      isThere(note('acme-corp', `batch-${job}`)),
    );
    expect(left).toEqual(['waiting', 'running']);
    expect(isThere('acme-corp/jobs/batch-failed/parts/1.json')).toBe(true);
    expect(isThere(note('globex', 'batch-running'))).toBe(false);
  });

  it('deletes uploads that nobody finished', async () => {
    await store('acme-corp/uploads/abandoned');
    await store('acme-corp/uploads/arriving', 0);
    await sweep();
    expect(isThere('acme-corp/uploads/abandoned')).toBe(false);
    expect(isThere('acme-corp/uploads/arriving')).toBe(true);
  });

  it('keeps what any owner keeps, in a folder that several share or in one of its own', async () => {
    const insert = 'insert into samples (tenant_id, sha256, study) values ($1, $2, $3)';
    await service.database.query(insert, ['acme-corp', digest('1'), 'kept']);
    await service.database.query(insert, ['globex', digest('2'), 'of globex']);
    const kept = [
      artifact('acme-corp', '1'),
      artifact('globex', '2'),
      'acme-corp/studies/kept/trials/1.json',
    ];
    const orphans = [artifact('acme-corp', '2'), 'acme-corp/studies/of globex/1.json', 'acme-corp/drafts/1'];
    for (const key of [...kept, ...orphans]) await store(key);
    await sweep();
    expect(kept.filter(isThere)).toEqual(kept);
    expect(orphans.filter(isThere)).toEqual([]);
  });

  it('leaves a folder that nobody owns alone, and tells its name', async () => {
    const warn = jest.spyOn(service.app.get(AppLogger), 'warn');
    await store('acme-corp/unclaimed/old');
    await store('acme-corp/unclaimed.txt');
    await sweep();
    expect(isThere('acme-corp/unclaimed/old')).toBe(true);
    expect(isThere('acme-corp/unclaimed.txt')).toBe(true);
    for (const folder of ['unclaimed', 'unclaimed.txt'])
      expect(warn).toHaveBeenCalledWith(expect.stringContaining('was not swept'), {
        tenant: 'acme-corp',
        folder,
      });
  });

  it('deletes nothing of a tenant while something is published or backed up', async () => {
    await store(artifact('acme-corp', '9'));
    await store(artifact('globex', '9'));
    const client = new Client({ connectionString: service.database.ownerUrl });
    await client.connect();
    try {
      await client.query(`select pg_advisory_lock_shared(hashtext('artifacts of acme-corp'))`);
      await sweep();
      expect(isThere(artifact('acme-corp', '9'))).toBe(true);
      expect(isThere(artifact('globex', '9'))).toBe(false);
    } finally {
      await client.end();
    }
  });
});
