import { build, installPackages, whileInstalling } from './install.mjs';
import { installTrainer } from './python.mjs';
import { installSeaweedfs } from './seaweedfs.mjs';
import { installValkey, valkeyIsNeeded } from './valkey.mjs';

/** Makes a clone ready for tests and checks: both languages with their development tools, and the build. */
export function installEverything({ steps, say, needsBuild = true, needsS3 = false }) {
  const node = async () => {
    await steps.run('Node packages', async (step) =>
      step.says(`Node packages ${(await installPackages()) ? 'installed' : 'are up to date'}`),
    );
    if (needsBuild)
      await steps.run('Build', async (step) => step.says((await build()) ? 'Built' : 'Build is up to date'));
  };
  const python = () =>
    steps.run('Python trainer', async (step) => {
      if (valkeyIsNeeded()) await installValkey();
      if (needsS3) await installSeaweedfs();
      const { version, installed, how } = await installTrainer({ dev: true });
      step.says(
        `Python trainer and its tools ${installed ? `installed with ${how}` : 'are up to date'} (Python ${version})`,
      );
    });
  return whileInstalling(() => Promise.all([node(), python()]), say);
}
