import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import {
  andersonDarling,
  benjaminiHochberg,
  chiSquared,
  gTest,
  jensenShannon,
  ksTwoSample,
  populationStability,
  type TestResult,
  wasserstein,
} from '../index.js';
import { chiSquaredTail } from './gamma.js';
import { kolmogorovTail } from './kolmogorov.js';

type Pair = [number, number];

interface Reference {
  tails: { n: number; d: number; tail: number }[];
  samples: {
    a: (number | string)[];
    b: (number | string)[];
    ks: Pair;
    wasserstein?: number;
    anderson?: Pair;
  }[];
  tables: { a: number[]; b: number[]; chi2: Pair; g: Pair; jensen_shannon: number; psi: number }[];
  adjusted: { p: number[]; adjusted: number[] }[];
  chi2: { x: number; degrees: number; tail: number }[];
}

/** Statistics are equal to 1e-9 of their size, and p-values to 1e-6. */
const [OF_STATISTIC, OF_P] = [1e-9, 1e-6];

describe('tests of drift, beside scipy', () => {
  const reference = JSON.parse(
    execFileSync(
      process.env.MODELPLANE_PYTHON!,
      [resolve(import.meta.dirname, '../../test/drift_reference.py')],
      {
        maxBuffer: 2 ** 28,
      },
    ).toString(),
  ) as Reference;
  const samples = reference.samples.map((each) => ({
    ...each,
    a: Float64Array.from(each.a, (value) => (typeof value === 'string' ? toInfinity(value) : value)),
    b: Float64Array.from(each.b, (value) => (typeof value === 'string' ? toInfinity(value) : value)),
  }));

  /** What is further from scipy than it may be. */
  const far = (what: string, found: number, expected: number, tolerance: number) =>
    Math.abs(found - expected) <= tolerance * Math.max(1, Math.abs(expected))
      ? []
      : [`${what}: ${found}, not ${expected}`];
  const farTest = (what: string, { statistic, p_value }: TestResult, [expected, p]: Pair) => [
    ...far(`${what}, statistic`, statistic, expected, OF_STATISTIC),
    ...far(`${what}, p`, p_value, p, OF_P),
  ];

  it('should know the distribution of the one-sample statistic for all sizes', () => {
    expect(
      reference.tails.flatMap(({ n, d, tail }) => far(`n ${n}, d ${d}`, kolmogorovTail(n, d), tail, OF_P)),
    ).toEqual([]);
  });

  it('should know the tail of chi-squared variables', () => {
    expect(
      reference.chi2.flatMap(({ x, degrees, tail }) =>
        far(`x ${x}, ${degrees} degrees`, chiSquaredTail(x, degrees), tail, 1e-10),
      ),
    ).toEqual([]);
  });

  it('should test samples by Kolmogorov-Smirnov, with ties, constants and infinities', () => {
    expect(
      samples.flatMap(({ a, b, ks }) => farTest(`${a.length} and ${b.length}`, ksTwoSample(a, b), ks)),
    ).toEqual([]);
  });

  it('should test samples by Anderson-Darling', () => {
    const fit = samples.filter(({ anderson }) => anderson);
    expect(fit.length).toBeGreaterThan(30);
    expect(
      fit.flatMap(({ a, b, anderson }) =>
        farTest(`${a.length} and ${b.length}`, andersonDarling(a, b), anderson!),
      ),
    ).toEqual([]);
    expect(() => andersonDarling(Float64Array.of(1, 1), Float64Array.of(1, 1))).toThrow(RangeError);
    expect(() => andersonDarling(Float64Array.of(), Float64Array.of(1, 2, 3, 4))).toThrow(RangeError);
  });

  it('should measure distances of samples and histograms', () => {
    const faults = samples.flatMap(({ a, b, wasserstein: expected }) =>
      expected === undefined
        ? []
        : far(`${a.length}, wasserstein`, wasserstein(a, b), expected, OF_STATISTIC),
    );
    for (const { a, b, jensen_shannon, psi } of reference.tables) {
      faults.push(...far(`${a.length}, Jensen-Shannon`, jensenShannon(a, b), jensen_shannon, OF_STATISTIC));
      faults.push(...far(`${a.length}, PSI`, populationStability(a, b), psi, OF_STATISTIC));
    }
    expect(faults).toEqual([]);
  });

  it('should test categories by Pearson and by the ratio of likelihoods', () => {
    expect(
      reference.tables.flatMap(({ a, b, chi2, g }) => [
        ...farTest(`${a.length} categories, chi2`, chiSquared(a, b), chi2),
        ...farTest(`${a.length} categories, g`, gTest(a, b), g),
      ]),
    ).toEqual([]);
    expect(chiSquared([5, 0], [7, 0])).toEqual({ statistic: 0, p_value: 1 });
  });

  it('should adjust p-values for their number', () => {
    for (const { p, adjusted } of reference.adjusted) {
      const found = benjaminiHochberg(p);
      expect(found.flatMap((each, at) => far(`${at} of ${p.length}`, each, adjusted[at]!, 1e-12))).toEqual(
        [],
      );
    }
  });
});

function toInfinity(text: string): number {
  return text === 'inf' ? Infinity : -Infinity;
}
