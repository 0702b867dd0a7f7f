import { join } from 'node:path';
import { python } from '../../../test/support/data.js';
import { madeOnce } from '../../../test/support/made-once.js';

const MOST_MS = 300_000;

/** The folder that trained-cores.py fills, once for all specs of a run. */
export function trainedCores(): Promise<string> {
  return madeOnce('trained-cores', async (folder) => {
    await python([join(__dirname, 'trained-cores.py'), folder], MOST_MS);
  });
}
