export * from './errors.js';
export { Explainer } from './explanations/explainer.js';
export { MIXTURES_AT_ONCE } from './explanations/model-subject.js';
export { RowSubject } from './explanations/row-subject.js';
export type { Explanation } from './explanations/explainer.js';
export { closestName } from './closest-name.js';
export type { ComparisonBudget } from './closest-name.js';
export { FeatureErrors } from './feature-errors.js';
export type { FeatureProblem } from './feature-errors.js';
export { OnnxModel } from './onnx-model.js';
export type { Answers, Predictions } from './answers.js';
export { combineAnswers, disagreement, reorderClasses } from './ensembles/combine.js';
export type { CombiningMethod } from './ensembles/combine.js';
export type { RankScale } from './ensembles/rank.js';
export type { MetaModel } from './ensembles/stacking.js';
export { answersEnough, fitMember, rowsOf } from './ensembles/member-fit.js';
export type { MemberFit } from './ensembles/member-fit.js';
export { MembersDisagree, unionSignature } from './ensembles/union-signature.js';
export { composeGraph } from './export/ensemble-graph.js';
export type { ComposableEnsemble, ComposableModel } from './export/ensemble-graph.js';
export { NotComposable } from './export/graph-writer.js';
export { compileSignature } from './signature.js';
export type { EncodedRows, Signature } from './signature.js';
export { compileSignatureContract } from './signature-definition.js';
export type {
  ClassificationOutput,
  Label,
  RegressionOutput,
  SignatureDefinition,
  SignatureInput,
} from './signature-definition.js';
export { GraphThread } from './thread/graph-thread.js';
export { completeSignature } from './complete-signature.js';
export type { FeatureDescription, SignatureDescription } from './complete-signature.js';
export { scanGraph } from './gate/scan.js';
export type { ScannedGraph } from './gate/scan.js';
export type { ModelFile } from './host/host-process.js';
export { ModelHosts } from './host/model-hosts.js';
export type { ModelHostsOptions } from './host/model-hosts.js';
export { filesOfHosts } from './host/compiled.js';
export { chooseLauncher } from './host/launcher.js';
export type { Confinement } from './host/launcher.js';
export type { PlaceHolder, Places } from './host/places.js';
