/** Part, moment and action; how often it was recovered from, and in how many seconds. */
export function table(strikes) {
  const rows = [...grouped(strikes)].sort().map(([key, those]) => {
    const seconds = those.map((strike) => strike.seconds).sort((a, b) => a - b);
    return [...key.split(' '), String(those.length), median(seconds).toFixed(1), seconds.at(-1).toFixed(1)];
  });
  const all = [['part', 'moment', 'action', 'recoveries', 'median s', 'max s'], ...rows];
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const keyOf = ({ part, moment, action }) => `${part} ${moment} ${action}`;

const median = (sorted) => sorted[Math.floor(sorted.length / 2)];

function grouped(strikes) {
  const groups = new Map();
  for (const strike of strikes) groups.set(keyOf(strike), [...(groups.get(keyOf(strike)) ?? []), strike]);
  return groups;
}
