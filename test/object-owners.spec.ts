import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderObjectStore } from '#libs/object-store';
import { objectOwners } from '../src/object-owners.js';
import { backup } from '../src/platform/backup/backup.js';
import { restore } from '../src/platform/backup/restore.js';
import { ObjectOwners } from '../src/platform/storage/object-owners.js';
import { laterModule, makeLaterTable } from './support/later-module.js';
import { Service } from './support/service.js';

/** What a module of a later version keeps, in backups that know nothing of it but that it registered its owners. */
describe('objects of a later owner', () => {
  let source: Service;
  let target: Service;
  let scratch: string;
  const CONTENT = 'a sample';
  const SHA256 = createHash('sha256').update(CONTENT).digest('hex');
  const KEY = `acme-corp/artifacts/${SHA256}`;

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'modelplane-owners-'));
    source = await Service.start({ imports: [laterModule()] });
    await makeLaterTable(source.database);
    await source.database.query(`insert into samples values ('acme-corp', $1, 'kept')`, [SHA256]);
  });
  beforeEach(async () => {
    for (const key of ['acme-corp/studies/kept/1.json', 'acme-corp/drafts/1', KEY])
      await storeOf(source).put({ bucket: 'modelplane', key }, Buffer.from(CONTENT));
    target = await Service.start({ imports: [laterModule()] });
    await makeLaterTable(target.database);
  });
  afterEach(() => target.stop());
  afterAll(async () => {
    await source.stop();
    await rm(scratch, { recursive: true, force: true });
  });

  const storeOf = (service: Service) => new FolderObjectStore(join(service.stateDir, 'objects'));
  const owners = () => source.app.get(ObjectOwners, { strict: false }).all;

  const save = (name: string, known = owners()) =>
    backup({
      ownerUrl: source.database.ownerUrl,
      store: storeOf(source),
      owners: known,
      to: join(scratch, name),
    });
  const load = (name: string) =>
    restore({
      ownerUrl: target.database.ownerUrl,
      store: storeOf(target),
      owners: owners(),
      from: join(scratch, name),
    });

  it('should be in the backup where the owner says so, and be restored', async () => {
    await save('whole');
    await load('whole');
    const { objects } = await storeOf(target).list({ bucket: 'modelplane', prefix: '' });
    expect(objects.map(({ key }) => key)).toEqual([KEY, 'acme-corp/studies/kept/1.json']);
    expect(await target.database.query('select sha256 from samples')).toEqual([{ sha256: SHA256 }]);
  });

  it('should not be missing from a backup', async () => {
    await storeOf(source).delete({ bucket: 'modelplane', key: KEY });
    await expect(save('incomplete')).rejects.toThrow(
      `1 objects that rows name are missing: s3://modelplane/${KEY} (samples)`,
    );
  });

  it('should have the content that they are named for', async () => {
    await storeOf(source).put({ bucket: 'modelplane', key: KEY }, Buffer.from('another'));
    await expect(save('damaged')).rejects.toThrow(`s3://modelplane/${KEY} is damaged`);
  });

  it.each([
    ['missing', () => storeOf(source).delete({ bucket: 'modelplane', key: KEY })],
    ['damaged', () => storeOf(source).put({ bucket: 'modelplane', key: KEY }, Buffer.from('another'))],
  ])('should not be restored where one is %s in a backup that did not know the owner', async (why, harm) => {
    await harm();
    const name = `unknowing-${why}`;
    await save(name, []);
    await expect(load(name)).rejects.toThrow(why);
    expect(await target.database.query('select from samples')).toEqual([]);
  });

  it('should be known to commands as they are to a server', async () => {
    const plain = await Service.start();
    try {
      const known = await objectOwners();
      expect(known).toEqual(plain.app.get(ObjectOwners, { strict: false }).all);
      expect(new Set(known.map(({ folder }) => folder.name))).toEqual(
        new Set(['artifacts', 'features', 'jobs', 'uploads']),
      );
    } finally {
      await plain.stop();
    }
  });
});
