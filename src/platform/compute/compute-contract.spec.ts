import { ComputeContract } from './compute-contract.js';

describe('ComputeContract', () => {
  const contract = new ComputeContract<object, object>({
    spec: 'batch-spec.v1',
    kind: 'batch',
    progress: 'row_progress',
    result: 'batch_result',
  });
  const progress = {
    rows_done: 1,
    rows_total: null,
    rows_failed: 0,
    rows_per_second: 0.5,
    estimated_completion: null,
  };

  it('should refuse a spec that does not fit, by the name of what is wrong', () => {
    expect(() => contract.refuseUnfit({})).toThrow(
      "the spec is no batch-spec.v1: / must have required property 'spec_version'",
    );
  });

  it('should give back progress and results that fit', () => {
    expect(contract.progress(progress)).toBe(progress);
    const result = {
      rows_read: 1,
      rows_scored: 1,
      rows_failed: 0,
      columns: [],
      unseen_values: {},
      parts: [],
    };
    const timed = { ...result, scoring_seconds: 1, rows_per_second: 1 };
    expect(contract.result(timed)).toBe(timed);
  });

  it.each([
    [
      'progress',
      { ...progress, rows_done: '1' },
      /the progress is no row_progress: \/rows_done must be integer/,
    ],
    ['progress', null, /the progress is no row_progress/],
    ['result', { rows_read: 1 }, /the result is no batch_result: .* must have required property/],
  ] as const)('should refuse %s that is %j', (what, value, message) => {
    expect(() => contract[what](value)).toThrow(message);
  });

  it('should refuse progress where there is none', () => {
    const silent = new ComputeContract({
      spec: 'training-spec.v1',
      kind: 'validation',
      result: 'validation_result',
    });
    expect(() => silent.progress(progress)).toThrow('a validation reports no progress');
  });

  it('should not be made of what no contract has', () => {
    const names = { spec: 'batch-spec.v1', kind: 'batch', result: 'nonsense' };
    expect(() => new ComputeContract(names)).toThrow(/nonsense/);
  });
});
