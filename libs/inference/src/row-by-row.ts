import { fieldsOf, textOf } from './gate/wire-reader.js';

/**
 * Operators that compute each value of a row as if it were the only one. Others, of which the product of matrices and
 * the exponential function are the common ones, take another order, or another width of vectors, for many rows than for
 * one, and so differ in the last bits.
 */
const EXACT = new Set(
  (
    'TreeEnsembleClassifier TreeEnsembleRegressor TreeEnsemble ArrayFeatureExtractor ArgMax ' +
    'Add Sub Mul Div Neg Abs Min Max Clip Less LessOrEqual Greater GreaterOrEqual Equal And Or Not Where IsNaN ' +
    'Cast Identity Constant ConstantOfShape Shape Reshape Flatten Squeeze Unsqueeze Concat Slice Split Gather Expand ' +
    'Transpose OneHot'
  ).split(' '),
);

/** Whether a graph's rows have the same answers, to the last bit, alone and among others. */
export function isRowByRow(graph: Uint8Array): boolean {
  return operatorsOf(graph).every((operator) => EXACT.has(operator));
}

/** By name; ModelProto.graph.node.op_type of onnx.proto. */
function operatorsOf(bytes: Uint8Array): string[] {
  const partsOf = (wholes: { start: number; end: number }[], number: number) =>
    wholes.flatMap(({ start, end }) =>
      [...fieldsOf(bytes, start, end)].filter((field) => field.number === number),
    );
  const graphs = partsOf([{ start: 0, end: bytes.length }], 7);
  return partsOf(partsOf(graphs, 1), 4).map((name) => textOf(bytes, name));
}
