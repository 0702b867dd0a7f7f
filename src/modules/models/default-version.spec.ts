import { currentVersion, defaultVersion, type VersionState, versionInStage } from './default-version.js';
import type { Stage } from './stage.js';
import { formatVersion, parseVersion } from './version-number.js';

const ready = (version: string, stage: Stage): VersionState => ({
  modelId: 'm',
  ...parseVersion(version)!,
  stage,
  framework: 'sklearn',
  filledAt: new Date(0),
});
const empty = (version: string): VersionState => ({ ...ready(version, 'development'), filledAt: null });

describe('defaultVersion', () => {
  it.each<[string, VersionState[], boolean, string | undefined]>([
    ['no versions', [], false, undefined],
    ['an empty one', [empty('1.0.0')], false, undefined],
    ['the newest ready one', [ready('1.1.0', 'development'), ready('1.0.0', 'staging')], false, '1.1.0'],
    ['a ready one below an empty one', [empty('1.1.0'), ready('1.0.0', 'development')], false, '1.0.0'],
    ['none but archived ones', [ready('1.0.0', 'archived')], false, undefined],
    ['one below an archived one', [ready('1.1.0', 'archived'), ready('1.0.0', 'staging')], false, '1.0.0'],
    ['the one in production', [ready('2.0.0', 'staging'), ready('1.0.0', 'production')], true, '1.0.0'],
    [
      'none after production was left',
      [ready('1.1.0', 'staging'), ready('1.0.0', 'archived')],
      true,
      undefined,
    ],
  ])('should be right for %s', (_, versions, hadProduction, expected) => {
    const found = defaultVersion(versions, hadProduction);
    expect(found && formatVersion(found)).toBe(expected);
  });
});

describe('currentVersion', () => {
  it('should be the first one where none answers by default', () => {
    const versions = [ready('1.1.0', 'archived'), ready('1.0.0', 'archived')];
    expect(currentVersion(versions, true)).toBe(versions[1]);
    expect(currentVersion(versions, false)).toBe(versions[1]);
    expect(currentVersion([], false)).toBeUndefined();
  });
});

describe('versionInStage', () => {
  it('should be the newest of the stage that has an artifact', () => {
    const versions = [empty('1.2.0'), ready('1.1.0', 'development'), ready('1.0.0', 'development')];
    expect(versionInStage(versions, 'development')).toBe(versions[1]);
    expect(versionInStage(versions, 'staging')).toBeUndefined();
    expect(versionInStage([empty('1.0.0')], 'development')).toBeUndefined();
  });
});
