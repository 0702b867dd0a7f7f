/** Pairs of characters that may still be compared: callers choose both the names that are wrong and those that exist. */
export interface ComparisonBudget {
  left: number;
}

/**
 * The name that a caller most likely meant, or null, also where the budget does not last. Equal but for case and
 * separators counts as a match; otherwise the optimal string alignment distance (Damerau-Levenshtein without crossing
 * edits) may be at most a third of the length.
 */
export function closestName(wrong: string, names: Iterable<string>, budget: ComparisonBudget): string | null {
  if (wrong.length > 64) return null;
  const folded = fold(wrong);
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(wrong.length / 3)) + 1;
  for (const name of names) {
    budget.left -= FOLDING_COST * (name.length + 5);
    if (budget.left < 0) return null;
    if (fold(name) === folded) return name;
    if (Math.abs(name.length - wrong.length) >= bestDistance) continue;
    budget.left -= wrong.length * name.length;
    const distance = alignmentDistance(wrong.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

/** To fold a character takes as long as so many comparisons. */
const FOLDING_COST = 4;

function fold(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}

function alignmentDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const row = [i];
    for (let j = 1; j <= right.length; j++) {
      const change = left[i - 1] === right[j - 1] ? 0 : 1;
      let distance = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + change);
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) {
        distance = Math.min(distance, beforeLast[j - 2]! + 1);
      }
      row.push(distance);
    }
    beforeLast = last;
    last = row;
  }
  return last[right.length]!;
}
