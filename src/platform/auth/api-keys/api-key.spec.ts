import { v7 as uuidv7 } from 'uuid';
import { idOfApiKey, newApiKey, visiblePart } from './api-key.js';

describe('the text of an API key', () => {
  it.each(['mp_', 'mp_live_', 'mp_test_'] as const)('should begin with %s and name its id', (prefix) => {
    for (const id of [
      uuidv7(),
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
    ]) {
      const text = newApiKey(id, prefix);
      expect(text).toHaveLength(prefix.length + 61);
      expect(text.startsWith(visiblePart(id, prefix))).toBe(true);
      expect(idOfApiKey(text)).toBe(id);
    }
  });

  it('should never be the same twice', () => {
    const id = uuidv7();
    const texts = new Set(Array.from({ length: 1000 }, () => newApiKey(id, 'mp_')));
    expect(texts.size).toBe(1000);
  });

  it('should be no key with any one character replaced, left out, doubled or swapped', () => {
    const text = newApiKey(uuidv7(), 'mp_');
    for (let at = 0; at < text.length; at++) {
      const [before, here, after] = [text.slice(0, at), text[at]!, text.slice(at + 1)];
      for (const other of ['a', 'Z', '0', '_'].filter((character) => character !== here))
        expect(idOfApiKey(before + other + after)).toBeUndefined();
      expect(idOfApiKey(before + after)).toBeUndefined();
      expect(idOfApiKey(before + here + here + after)).toBeUndefined();
      const swapped = before + after.slice(0, 1) + here + after.slice(1);
      if (swapped !== text) expect(idOfApiKey(swapped)).toBeUndefined();
    }
  });

  it.each(['', 'mp_', ' ', 'mp_0', `mp_${'0'.repeat(61)}\n`, 'null', `MP_${'0'.repeat(61)}`])(
    'should not be %j',
    (text) => expect(idOfApiKey(text)).toBeUndefined(),
  );
});
