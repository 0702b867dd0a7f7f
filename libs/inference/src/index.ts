export * from './errors.js';
export { FeatureErrors } from './feature-errors.js';
export type { FeatureProblem } from './feature-errors.js';
export { OnnxModel } from './onnx-model.js';
export type { Predictions } from './onnx-model.js';
export { compileSignature } from './signature.js';
export type { EncodedRows, Signature } from './signature.js';
export type {
  ClassificationOutput,
  Label,
  RegressionOutput,
  SignatureDefinition,
  SignatureInput,
} from './signature-definition.js';
