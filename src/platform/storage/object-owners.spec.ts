import { ModulesContainer, NestFactory } from '@nestjs/core';
import { Artifacts, ARTIFACTS } from './artifacts.js';
import { type ObjectOwner, ownersIn } from './object-owners.js';

async function registered(...modules: ObjectOwner[][]): Promise<ObjectOwner[]> {
  class Application {}
  const root = { module: Application, imports: modules.map((owners) => Artifacts.ownedBy(...owners)) };
  const app = await NestFactory.createApplicationContext(root, { preview: true, logger: false });
  return ownersIn(app.get(ModulesContainer));
}

describe('owners of objects', () => {
  const files = { what: 'files', folder: ARTIFACTS };
  const samples = { what: 'samples', folder: ARTIFACTS };
  const studies = { what: 'studies', folder: { ...ARTIFACTS, name: 'studies' } };

  it('should be those of every module, whoever shares a folder', async () => {
    expect(await registered([files, studies], [samples], [])).toEqual([files, studies, samples]);
  });

  it('should not declare a folder twice', async () => {
    const other = { what: 'others', folder: { ...ARTIFACTS, isBackedUp: false } };
    await expect(registered([files], [other])).rejects.toThrow('the folder artifacts is declared twice');
  });
});
