import { existsSync } from 'node:fs';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactSweeper } from '../src/modules/models/artifact-sweeper.js';
import { Service } from './support/service.js';

describe('the sweeper of artifacts', () => {
  let service: Service;

  beforeAll(async () => {
    service = await Service.start();
  });
  afterAll(() => service.stop());

  const digest = (letter: string) => letter.repeat(64);
  const file = (tenant: string, letter: string) =>
    join(service.stateDir, 'objects/modelplane', tenant, 'artifacts', digest(letter));

  async function store(tenant: string, letter: string, ageHours: number): Promise<void> {
    await mkdir(join(file(tenant, letter), '..'), { recursive: true });
    await writeFile(file(tenant, letter), letter);
    const written = new Date(Date.now() - ageHours * 3600_000);
    await utimes(file(tenant, letter), written, written);
  }

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
    for (const letter of ['a', 'b', 'c', 'e', 'f']) await store('acme-corp', letter, 25);
    await store('acme-corp', 'd', 23);
    // The same content as another tenant's artifact is nobody else's business.
    await store('acme', 'a', 25);
    await store('globex', 'c', 25);

    await service.app.get(ArtifactSweeper, { strict: false }).sweep();
    const left = (tenant: string) =>
      ['a', 'b', 'c', 'd', 'e', 'f'].filter((letter) => existsSync(file(tenant, letter)));
    expect(left('acme-corp')).toEqual(['a', 'b', 'd', 'e', 'f']);
    expect(left('acme')).toEqual([]);
    expect(left('globex')).toEqual([]);
  });
});
