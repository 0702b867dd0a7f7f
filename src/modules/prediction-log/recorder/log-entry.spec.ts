import { floorOf, timeOf } from '../request-ids.js';
import { encodeEntry, isSampled, type LogEntry } from './log-entry.js';

const ENTRY = {
  tenant: 'acme-corp',
  requestId: 'req-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
  modelId: '550e8400-e29b-41d4-a716-446655440000',
  version: '1.2.0',
  prediction: ['yes'],
  confidence: 0.75,
  latencyMs: 0.125,
};

const encode = (rows: object[], single = true, redacted?: Set<string>, more: Partial<LogEntry> = {}) =>
  JSON.parse(encodeEntry({ ...ENTRY, rows, single, ...more }, redacted));

describe('a row of the log', () => {
  it('should be what was asked and answered, and say nothing of what is not set', () => {
    expect(encode([{ plan: 'platinum', age: 3.5 }])).toEqual({
      request_id: '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
      tenant_id: 'acme-corp',
      model_id: ENTRY.modelId,
      version: '1.2.0',
      row_count: 1,
      latency_ms: 0.125,
      features: { plan: 'platinum', age: 3.5 },
      output: { prediction: ['yes'], confidence: 0.75 },
    });
  });

  it('should say how the answer came about', () => {
    const origin = { deployment: 'dep-1', arm: 'a "b"\0', shadow: true, ensemble: [{ version: '1.0.0' }] };
    const entityKeys = [{ customer_id: 'c-1', plan: 'x' }];
    const row = encode([{ age: 1 }], true, new Set(['plan']), { ...origin, entityKeys });
    expect(row).toMatchObject({ ...origin, arm: 'a "b"\ufffd', entity_keys: { customer_id: 'c-1' } });
    expect(encode([{}, {}], false, undefined, { entityKeys: [{ id: 1 }, { id: 2 }] })).toMatchObject({
      entity_keys: [{ id: 1 }, { id: 2 }],
    });
    expect(encode([{}], true, undefined, { shadow: false })).not.toHaveProperty('shadow');
  });

  it('should have a list of features where a list was sent', () => {
    expect(encode([{ age: 1 }], false)).toMatchObject({ row_count: 1, features: [{ age: 1 }] });
  });

  it('should have no redacted feature in any row', () => {
    const rows = [{ age: 1, plan: 'a' }, { plan: 'b' }];
    expect(encode(rows, false, new Set(['plan', 'none'])).features).toEqual([{ age: 1 }, {}]);
    expect(rows[0]).toEqual({ age: 1, plan: 'a' });
  });

  it.each([
    ['a\0b', 'a\ufffdb'],
    ['\ud800', '\ufffd'],
    ['\udfff!', '\ufffd!'],
    ['😀', '😀'],
    ['\u0001\n"\\', '\u0001\n"\\'],
    ['\\u0000', '\\u0000'],
    ['\\\0', '\\\ufffd'],
  ])('should keep %j as %j', (text, kept) => {
    expect(encode([{ [text]: text }]).features).toEqual({ [kept]: kept });
  });
});

describe('a sample', () => {
  const ids = Array.from(
    { length: 1000 },
    (_, at) => `req-${'0'.repeat(28)}${(at * 4294967).toString(16).padStart(8, '0')}`,
  );

  it.each([0, 0.1, 0.5, 1])('should have a share of %d of the requests', (rate) => {
    const share = ids.filter((id) => isSampled(id, rate)).length / ids.length;
    expect(share).toBeCloseTo(rate, 2);
  });
});

describe('the time of an id', () => {
  it('should be that of its first 48 bits', () => {
    const time = Date.parse('2026-02-12T10:00:00.125Z');
    expect(timeOf(floorOf(time))).toBe(time);
    expect(floorOf(time) < floorOf(time + 1)).toBe(true);
    expect(timeOf('019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e')).toBe(0x019c1a7c0b3e);
  });
});
