import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';

/**
 * Compiles a document of the contracts, or a definition in one, to a check that narrows what it accepts to `T`.
 * @param name such as `batch-spec.v1` or `job-event.v1#/definitions/row_progress`
 * @param contractsDir default: `contracts` at the root of the repository
 */
export function compileContract<T>(name: string, contractsDir = findContracts()): ValidateFunction<T> {
  // Each kind of event requires properties that only the schema around it defines.
  const ajv = new Ajv({ allowUnionTypes: true, strictTypes: false });
  // All of them: one may refer to another.
  for (const file of readdirSync(contractsDir).filter((each) => each.endsWith('.schema.json')))
    ajv.addSchema(JSON.parse(readFileSync(join(contractsDir, file), 'utf8')) as object);
  return ajv.compile<T>({ $ref: name });
}

/** What a check found wrong, such as `/limits/memory_bytes must be integer`. */
export function faultsOf({ errors }: ValidateFunction): string {
  return (errors ?? []).map(({ instancePath, message }) => `${instancePath || '/'} ${message}`).join(', ');
}

/** The repository's root is another way up from `dist` than from the sources. */
function findContracts(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder) throw new Error(`no package.json above ${import.meta.dirname}`);
    folder = dirname(folder);
  }
  return join(folder, 'contracts');
}
