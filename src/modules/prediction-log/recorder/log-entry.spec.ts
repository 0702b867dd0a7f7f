import type { PredictionBody } from '../predictions.dto.js';
import { encodeEntry, floorOf, isSampled, timeOf } from './log-entry.js';

const answer: PredictionBody = {
  request_id: 'req-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
  model_id: '550e8400-e29b-41d4-a716-446655440000',
  version: '1.2.0',
  prediction: ['yes'],
  confidence: 0.75,
  latency_ms: 0.125,
  warnings: ['plan: "platinum" was not seen in training'],
};

const encode = (rows: object[], single = true, redacted?: Set<string>) => {
  const request = { rows, single };
  return JSON.parse(encodeEntry({ tenant: 'acme-corp', request, answer }, redacted));
};

describe('a row of the log', () => {
  it('should be what was asked and answered, without warnings, which quote features', () => {
    expect(encode([{ plan: 'platinum', age: 3.5 }])).toEqual({
      request_id: '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
      tenant_id: 'acme-corp',
      model_id: answer.model_id,
      version: '1.2.0',
      row_count: 1,
      latency_ms: 0.125,
      features: { plan: 'platinum', age: 3.5 },
      output: { prediction: ['yes'], confidence: 0.75 },
    });
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
