import { join } from 'node:path';
import { PROJECT_ROOT } from '../../config/project.js';
import { ownerDataSource } from './data-source.js';

/**
 * What would have to change in a migrated database for it to be what the entities say; empty when they agree.
 * Policies and grants are not compared: TypeORM knows nothing of them.
 * @param url login of the role that owns the database
 */
export async function schemaDifferences(url: string): Promise<string[]> {
  const source = await ownerDataSource(url, [
    join(PROJECT_ROOT, 'dist', 'src', '**', '*.entity.js'),
  ]).initialize();
  try {
    const { upQueries } = await source.driver.createSchemaBuilder().log();
    return upQueries.map(({ query }) => query);
  } finally {
    await source.destroy();
  }
}
