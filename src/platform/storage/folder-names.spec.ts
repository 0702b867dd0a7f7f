import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderObjectStore } from '#libs/object-store';
import { folderNames } from './folder-names.js';
import { PLATFORM_BUCKET } from './grants.js';

describe('the folders of the platform', () => {
  let root: string;
  let store: FolderObjectStore;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'modelplane-folders-'));
    store = new FolderObjectStore(root);
    const keys = [
      'acme/artifacts/1',
      'acme/artifacts/2',
      'acme/jobs/a/parts/1',
      'acme/jobs-old/1',
      'acme/note',
      'acme/note-2/1',
      'acme/unclaimed/été/1',
      'acme/unclaimed/~/1',
      'acme/unclaimed/~~',
      'acme-corp/artifacts/1',
      'globex/uploads/1',
    ];
    for (const key of keys) await store.put({ bucket: PLATFORM_BUCKET, key }, Buffer.from('1'));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  it('should be named once each, whatever they hold', async () => {
    expect((await folderNames(store, '')).sort()).toEqual(['acme', 'acme-corp', 'globex']);
    expect((await folderNames(store, 'acme/')).sort()).toEqual([
      'artifacts',
      'jobs',
      'jobs-old',
      'note',
      'note-2',
      'unclaimed',
    ]);
  });

  it('should be none where nothing was ever kept', async () => {
    expect(await folderNames(store, 'umbrella/')).toEqual([]);
  });
});
