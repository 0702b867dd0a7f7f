import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { oneAtATime } from './database.js';
import { required } from './service.js';

/**
 * A folder that is made once for all spec files of a test run: the first that asks makes it, the others wait for it.
 * It must not be changed, and is gone after the run.
 * @param make fills a new folder
 */
export async function madeOnce(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(required('MODELPLANE_TEST_SHARED_DIR'), name);
  if (existsSync(folder)) return folder;
  await oneAtATime(name, async () => {
    if (existsSync(folder)) return;
    await mkdir(required('MODELPLANE_TEST_SHARED_DIR'), { recursive: true });
    const unfinished = await mkdtemp(`${folder}-`);
    await make(unfinished);
    await rename(unfinished, folder);
  });
  return folder;
}
