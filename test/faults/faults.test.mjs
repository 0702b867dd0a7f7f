import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Campaign } from './campaign.mjs';

/** A fault at each moment of a job's life, and each part at least once; `npm run faults` does many more. */
const STRIKES = {
  folder: [
    { moment: 'submitted', part: 'api' },
    { moment: 'claimed', part: 'worker' },
    { moment: 'reading', part: 'job' },
    { moment: 'training', part: 'postgres' },
    { moment: 'training', part: 'worker', action: 'pause' },
    { moment: 'exporting', part: 'trainer' },
    { moment: 'publishing', part: 'worker' },
    { moment: 'committing', part: 'postgres' },
    { moment: 'ended', part: 'redis' },
  ],
  s3: [
    { moment: 'reading', part: 'seaweedfs' },
    { moment: 'exporting', part: 'seaweedfs' },
    { moment: 'publishing', part: 'seaweedfs', action: 'pause' },
    { moment: 'committing', part: 'worker' },
  ],
};

for (const [storage, strikes] of Object.entries(STRIKES)) {
  describe(`with objects in ${storage === 's3' ? 'an S3 server' : 'a folder'}`, () => {
    let campaign;
    before(async () => {
      campaign = await Campaign.start(storage);
    });
    after(() => campaign?.stack.stop());

    for (const { moment, part, action = 'kill' } of strikes) {
      test(`${action} of ${part} while a job is at "${moment}" is recovered from`, async () => {
        assert.ok(await campaign.strike({ moment, part, action }), `${part} was not there to be hit`);
      });
    }

    test('nothing that was acknowledged is lost, nothing is there twice, and no process is left', async () => {
      assert.deepEqual(await campaign.finish(), []);
      assert.deepEqual(campaign.strays(), []);
    });
  });
}
