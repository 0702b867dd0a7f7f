import type { Attributes } from './attributes.js';
import type { ColumnsRead } from './tree-scan.js';

/**
 * Checks what a runtime would follow without looking: the lists of an SVMClassifier of ai.onnx.ml are as long as its
 * classes and support vectors say.
 * @throws GraphRefused
 */
export function checkSvmClassifier(attributes: Attributes, classes: number): ColumnsRead {
  checkKernel(attributes);
  const ofClasses = attributes.integers('vectors_per_class');
  const negative = ofClasses.find((vectors) => vectors < 0);
  if (negative !== undefined) throw attributes.refused(`${negative} in vectors_per_class`);
  const vectors = ofClasses.reduce((sum, each) => sum + each, 0);
  const coefficients = attributes.floats('coefficients');
  const pairs = (classes * (classes - 1)) / 2;
  if (vectors === 0) {
    if (attributes.floats('rho') < 1) throw attributes.refused('no rho');
    return { columns: divided(attributes, 'coefficients', coefficients, classes, 'classes'), isExact: true };
  }
  expect(attributes, 'vectors_per_class', ofClasses.length, classes);
  expect(attributes, 'coefficients', coefficients, (classes - 1) * vectors);
  expect(attributes, 'rho', attributes.floats('rho'), pairs);
  for (const name of ['prob_a', 'prob_b']) {
    const length = attributes.floats(name);
    if (length > 0 || attributes.floats('prob_a') > 0) expect(attributes, name, length, pairs);
  }
  return { columns: columnsOf(attributes, vectors), isExact: true };
}

/** The same for an SVMRegressor. @throws GraphRefused */
export function checkSvmRegressor(attributes: Attributes): ColumnsRead {
  checkKernel(attributes);
  const vectors = attributes.integer('n_supports') ?? 0;
  if (vectors < 0) throw attributes.refused(`${vectors} n_supports`);
  if (attributes.floats('rho') < 1) throw attributes.refused('no rho');
  const coefficients = attributes.floats('coefficients');
  if (vectors === 0) return { columns: coefficients, isExact: true };
  expect(attributes, 'coefficients', coefficients, vectors);
  return { columns: columnsOf(attributes, vectors), isExact: true };
}

/** gamma, coef0 and degree, or nothing. */
function checkKernel(attributes: Attributes): void {
  const length = attributes.floats('kernel_params');
  if (length > 0) expect(attributes, 'kernel_params', length, 3);
}

function columnsOf(attributes: Attributes, vectors: number): number {
  return divided(attributes, 'support_vectors', attributes.floats('support_vectors'), vectors, 'vectors');
}

function divided(attributes: Attributes, name: string, length: number, by: number, what: string): number {
  if (length > 0 && length % by === 0) return length / by;
  throw attributes.refused(`${length} ${name}, which ${by} ${what} do not divide`);
}

function expect(attributes: Attributes, name: string, length: number, expected: number): void {
  if (length !== expected) throw attributes.refused(`${length} ${name} instead of ${expected}`);
}
