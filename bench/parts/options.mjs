import { parseArgs } from 'node:util';
import { Problem } from '../../scripts/parts/problem.mjs';

/**
 * The options of the command line, each a list of whole numbers from 1 on.
 * @param defaults list by option name
 */
export function numberOptions(defaults, args = process.argv.slice(2)) {
  const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' }]));
  let values;
  try {
    ({ values } = parseArgs({ args, options }));
  } catch (error) {
    throw new Problem(error.message);
  }
  return Object.fromEntries(
    Object.entries(defaults).map(([name, list]) => [name, values[name] ? parse(name, values[name]) : list]),
  );
}

/**
 * One option that is a list of names, or all of them where it is given without any.
 * @returns the names, in the order of `known`, and the arguments without the option
 */
export function namesOption(name, known, otherwise, args = process.argv.slice(2)) {
  const at = args.findIndex((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
  if (at < 0) return [otherwise, args];
  const [, inline] = args[at].split('=', 2);
  const next = args[at + 1];
  const follows = inline === undefined && next !== undefined && !next.startsWith('--');
  const given = (inline ?? (follows ? next : known.join(','))).split(',');
  for (const each of given) {
    if (!known.includes(each)) throw new Problem(`--${name} takes ${known.join(', ')}, got "${each}"`);
  }
  return [known.filter((each) => given.includes(each)), args.toSpliced(at, follows ? 2 : 1)];
}

function parse(name, text) {
  const numbers = text.split(',').map(Number);
  if (numbers.every((number) => Number.isInteger(number) && number > 0)) return numbers;
  throw new Problem(`--${name} takes whole numbers from 1 on, got "${text}"`);
}
