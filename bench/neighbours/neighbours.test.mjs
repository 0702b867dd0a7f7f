import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Steps } from '../../scripts/parts/steps.mjs';
import { startStack } from '../parts/stack.mjs';
import { ATTACKS } from './attacks.mjs';
import { Campaign } from './campaign.mjs';
import { SETTINGS } from './settings.mjs';

/** Small and short: whether the victim is served at all; how soon is for `npm run neighbours` on a quiet machine. */
describe('while another tenant attacks', () => {
  let stack;
  let campaign;
  before(async () => {
    stack = await startStack(new Steps(), SETTINGS);
    campaign = await Campaign.start(stack, { volume: 0.05, seconds: 1 });
  });
  after(() => stack?.stop());

  for (const attack of ATTACKS) {
    test(`a tenant is refused nothing: ${attack.name}`, async () => {
      const { during, attacker } = await campaign.strike(attack);
      for (const [probe, { refusals }] of Object.entries(during)) assert.deepEqual(refusals, [], probe);
      const faults = Object.keys(attacker).filter(
        (status) => status.startsWith('5') && !LATER.includes(status),
      );
      assert.deepEqual(faults, [], 'the attacker was told of a fault of the service');
    });
  }
});

/** "Not now" and "no room". */
const LATER = ['503', '507'];
