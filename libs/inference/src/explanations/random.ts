/** A source of numbers in [0, 1) that look random and are the same for the same seed. */
export type Random = () => number;

/**
 * The small fast counting generator (Doty-Humphrey, PractRand; 32 bits of output, 128 of state).
 * @param seed 12 bytes or more, already well mixed, as those of a digest are
 */
export function randomFrom(seed: Uint8Array): Random {
  const words = new DataView(seed.buffer, seed.byteOffset, seed.byteLength);
  let [a, b, c, counter] = [words.getUint32(0), words.getUint32(4), words.getUint32(8), 1];
  return () => {
    const sum = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + sum) >>> 0;
    return sum / 2 ** 32;
  };
}

/** Puts the items in one of all orders, each as likely (Fisher and Yates). */
export function shuffle(items: Int32Array, random: Random): void {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const item = items[last]!;
    items[last] = items[other]!;
    items[other] = item;
  }
}
