import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FeatureStorm } from './feature-storm.mjs';

/** Each part once in the middle of a materialization; `npm run faults:features` does many more. */
const STRIKES = [
  { moment: 'reading', part: 'job' },
  { moment: 'writing', part: 'worker' },
  { moment: 'writing', part: 'redis' },
  { moment: 'writing', part: 'postgres' },
];

describe('materialization', () => {
  let storm;
  before(async () => {
    storm = await FeatureStorm.start('folder', 10_000);
  });
  after(() => storm?.stack.stop());

  for (const { moment, part } of STRIKES) {
    test(`kill of ${part} while a materialization is ${moment} is recovered from`, async () => {
      assert.equal(await storm.strike([{ moment, part }]), 1, `${part} was not there to be hit`);
      assert.deepEqual(storm.losses, []);
    });
  }

  test('nothing that was acknowledged is lost, and no process is left', async () => {
    assert.deepEqual(await storm.finish(), []);
  });
});
