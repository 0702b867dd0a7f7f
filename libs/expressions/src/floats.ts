/** A float64, which a zero gives no sign; null for NaN and infinities. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value + 0 : null;
}

/** To the nearest whole number, halves away from zero. */
export function round(value: number): number {
  const whole = Math.trunc(value);
  return Math.abs(value - whole) < 0.5 ? whole : whole + Math.sign(value);
}

/** To so many digits behind the decimal point, of the shortest decimal text of the value: 1.005 to two is 1.01. */
export function roundTo(value: number, digits: number): number {
  const shifted = shift(value, digits);
  return Number.isFinite(shifted) ? shift(round(shifted), -digits) : value;
}

/** The value times 10^digits, as the nearest float64 to that product of its decimal text. */
function shift(value: number, digits: number): number {
  const [mantissa, exponent = '0'] = String(value).split('e');
  return Number(`${mantissa}e${Number(exponent) + digits}`);
}

const NUMBER = /^[ \t\n\v\f\r]*([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[ \t\n\v\f\r]*$/;

/** Decimal text, with white space around it or not; null for any other, and for what float64 does not hold. */
export function parseFloat64(text: string): number | null {
  const digits = NUMBER.exec(text)?.[1];
  return digits === undefined ? null : finite(Number(digits));
}
