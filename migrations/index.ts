import { Jobs } from './0001-jobs.js';
import { Models } from './0002-models.js';

/** In the order in which they run. */
export const migrations = [Jobs, Models];
