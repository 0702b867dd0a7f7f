import { exp, ln, log10, power } from './elementary.js';

describe('elementary functions', () => {
  it('should be exact where the result is', () => {
    for (let n = -300; n <= 300; n++) expect(log10(Number(`1e${n}`))).toBe(n);
    for (let base = 2; base <= 60; base++)
      for (let n = 0, exact = 1n; exact < 2n ** 53n; n++, exact *= BigInt(base))
        expect(power(base, n)).toBe(Number(exact));
    for (let n = -1074; n <= 1023; n++) expect(power(2, n)).toBe(2 ** n);
  });

  it('should be near what the engine answers, whose last bits are its own', () => {
    const near = (value: number, expected: number) =>
      Math.abs(value - expected) <= Math.abs(expected) * 2 ** -51;
    const far: number[][] = [];
    for (let step = 1; step < 20_000; step++) {
      const x = 1.0007 ** (step - 10_000) * 1.1;
      const small = (step - 10_000) / 15;
      const isNear =
        near(ln(x), Math.log(x)) &&
        near(log10(x), Math.log10(x)) &&
        near(exp(small), Math.exp(small)) &&
        near(power(x, 1.37), x ** 1.37);
      if (!isNear) far.push([x, small]);
    }
    expect(far).toEqual([]);
  });

  it.each([
    [0, 0, 1],
    [0, 2, 0],
    [0, -1, Infinity],
    [-2, 3, -8],
    [-2, -2, 0.25],
    [-8, 1 / 3, NaN],
    [1, 1e308, 1],
    [-1, 1e308, 1],
    [-1, 9007199254740991, -1],
    [1.0000000000000002, 1e308, Infinity],
    [0.9999999999999999, 1e308, 0],
    [1e-320, 0.5, 9.99994433575849e-161],
    [2, 1024, Infinity],
    [2, -1075, 0],
  ])('should raise %d to %d', (base, exponent, expected) => {
    expect(power(base, exponent)).toBe(expected);
  });

  it('should have no logarithm of what is not positive', () => {
    expect([ln(0), ln(-1), log10(0), ln(NaN)]).toEqual([NaN, NaN, NaN, NaN]);
    expect([exp(710), exp(-746)]).toEqual([Infinity, 0]);
  });
});
