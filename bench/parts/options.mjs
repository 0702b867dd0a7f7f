import { parseArgs } from 'node:util';
import { Problem } from '../../scripts/parts/problem.mjs';

/**
 * The options of the command line, each a list of whole numbers from 1 on.
 * @param defaults list by option name
 */
export function numberOptions(defaults) {
  const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' }]));
  let values;
  try {
    ({ values } = parseArgs({ options }));
  } catch (error) {
    throw new Problem(error.message);
  }
  return Object.fromEntries(
    Object.entries(defaults).map(([name, list]) => [name, values[name] ? parse(name, values[name]) : list]),
  );
}

function parse(name, text) {
  const numbers = text.split(',').map(Number);
  if (numbers.every((number) => Number.isInteger(number) && number > 0)) return numbers;
  throw new Problem(`--${name} takes whole numbers from 1 on, got "${text}"`);
}
