import { confinedLauncher } from '../src/platform/inference/confined-launcher.js';
import type { AppLogger } from '../src/platform/observability/logger.js';
import { required } from './support/service.js';

describe('what processes of uploaded models are started with', () => {
  const lines: [string, unknown][] = [];
  const logger = {
    info: (message: string) => lines.push([message, undefined]),
    warn: (message: string, fields: unknown) => lines.push([message, fields]),
  } as unknown as AppLogger;

  beforeEach(() => lines.splice(0));

  it('should take all rights from them with the Python of the trainer', async () => {
    const python = required('MODELPLANE_PYTHON');
    expect((await confinedLauncher(python, logger))[0]).toBe(python);
    expect(lines).toEqual([['uploaded models are confined', undefined]]);
  });

  it('should do with less where there is no Python, and warn of what is missing', async () => {
    const launcher = await confinedLauncher('/nowhere/python', logger);
    expect(launcher).not.toContain('/nowhere/python');
    const missing = ['no seccomp filter', 'they may read all files that their user may'];
    expect(lines).toEqual([
      ['uploaded models are confined in part', { missing: expect.arrayContaining(missing) }],
    ]);
  });
});
