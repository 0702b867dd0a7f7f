/**
 * Operators that an uploaded graph may use: pure functions of their inputs whose cost is bounded by their tensors.
 * Left out on purpose: what holds a subgraph (If, Loop, Scan, SequenceMap), what draws random numbers, and what
 * makes sequences, maps or optionals, which are no tensors.
 */
const CORE = words(`
  Abs Acos Acosh Add Affine And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization BitShift
  BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike Ceil Celu CenterCropPad Clip Col2Im Compress
  Concat Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumSum DFT DeformConv DepthToSpace
  DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU
  Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual
  GridSample GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity InstanceNormalization
  IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization LpPool MatMul
  MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization Min Mish Mod Mul Neg
  NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not OneHot Or PRelu Pad Pow QLinearConv QLinearMatMul
  QuantizeLinear RMSNormalization RNN Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
  ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize ReverseSequence RoiAlign RotaryEmbedding
  Round STFT ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax
  SoftmaxCrossEntropyLoss Softplus Softsign SpaceToDepth Split Sqrt Squeeze StringConcat StringNormalizer Sub Sum Swish
  Tan Tanh TfIdfVectorizer ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze Upsample Where Xor`);

const MACHINE_LEARNING = words(`
  ArrayFeatureExtractor Binarizer CategoryMapper FeatureVectorizer Imputer LabelEncoder LinearClassifier
  LinearRegressor Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler TreeEnsemble TreeEnsembleClassifier
  TreeEnsembleRegressor`);

/** The default domain is written in both of these ways. */
const DOMAINS = new Map([
  ['', CORE],
  ['ai.onnx', CORE],
  ['ai.onnx.ml', MACHINE_LEARNING],
]);

/** What to do about a classifier whose probabilities are maps, which is what most exporters make of them. */
export const WITHOUT_ZIPMAP =
  "export the probabilities as a tensor: skl2onnx with options={'zipmap': False}, convert_lightgbm of onnxmltools with " +
  'zipmap=False; CatBoost always writes a ZipMap, which onnx.utils.extract_model("model.onnx", "cut.onnx", ' +
  '["features"], ["label", "probability_tensor"]) cuts off';

const WHY: Record<string, string> = {
  ZipMap: WITHOUT_ZIPMAP,
  If: 'branches hold graphs of their own; compute both sides and choose with Where',
  Loop: 'a loop may never end',
  Scan: 'a loop may never end',
};

/** Why the operator is not taken, as a sentence; null for one that is. */
export function refuseOperator(domain: string, operator: string): string | null {
  const allowed = DOMAINS.get(domain);
  const name = JSON.stringify(operator.slice(0, 80));
  if (!allowed) {
    return `the operator ${name} is of the domain ${JSON.stringify(domain.slice(0, 80))}; only ai.onnx and ai.onnx.ml are taken`;
  }
  if (allowed.has(operator)) return null;
  const why = Object.hasOwn(WHY, operator) ? `: ${WHY[operator]}` : '';
  return `the operator ${name} of ${domain || 'ai.onnx'} is not taken${why}`;
}

/** The highest versions that the pinned runtime takes: of the file format, and of the operators by domain. */
export const HIGHEST_IR_VERSION = 13;
const HIGHEST_OPSETS = new Map([
  ['', 26],
  ['ai.onnx', 26],
  ['ai.onnx.ml', 5],
]);

/** Why a version of a domain's operators is not taken, as a sentence; null for one that is. */
export function refuseOpset(domain: string, version: number): string | null {
  const highest = HIGHEST_OPSETS.get(domain);
  if (highest === undefined || version <= highest) return null;
  return `the file asks for opset ${version} of ${domain || 'ai.onnx'}, and the highest one taken is ${highest}: tell the exporter to write that one or a lower one (target_opset, opset_version)`;
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}
