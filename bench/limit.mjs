// What bench/predictions.mjs measures us against: the least that answers the same question over HTTP. No tenants,
// tokens, versions, errors by feature or logs: node bench/limit.mjs <file.onnx> <signature.json> <port> whole|core
// "core" is the harder one: the same file, and the same encoding of a row, as the service's own.
import { readFileSync } from 'node:fs';
import Fastify from 'fastify';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { compileSignature } from '../dist/libs/inference/src/index.js';

const [artifact, signatureFile, port, part] = process.argv.slice(2);
const definition = JSON.parse(readFileSync(signatureFile, 'utf8'));
const { inputs, output } = definition;
// A graph need not say the label: it is then the class of the largest probability.
const fetches = [output.label_tensor, output.probabilities_tensor].filter((tensor) => tensor !== null);
// The session's options are those of libs/inference, so that only what is around the model differs.
const session = await InferenceSession.create(readFileSync(artifact), {
  executionProviders: ['cpu'],
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
});

const body = {
  type: 'object',
  required: ['features'],
  properties: {
    features: {
      type: 'object',
      required: inputs.map(({ name }) => name),
      properties: Object.fromEntries(
        inputs.map(({ name, type }) => [name, { type: type === 'string' ? 'string' : 'number' }]),
      ),
      additionalProperties: false,
    },
  },
};

const core = part === 'core' && compileSignature(definition, 'core');

function feedsOf(features) {
  if (core) return core.encode([features]).feeds;
  const feeds = {};
  for (const { name, tensor, dtype } of inputs) {
    const data = dtype === 'string' ? [features[name]] : Float32Array.of(features[name]);
    feeds[tensor] = new Tensor(dtype, data, [1, 1]);
  }
  return feeds;
}

const app = Fastify();
app.get('/healthcheck', () => ({ status: 'ok' }));
app.post('/predict', { schema: { body } }, async ({ body: { features } }) => {
  const answers = await session.run(feedsOf(features), fetches);
  const probabilities = Array.from(answers[output.probabilities_tensor].data);
  const label =
    output.label_tensor === null
      ? probabilities.indexOf(Math.max(...probabilities))
      : Number(answers[output.label_tensor].data[0]);
  return {
    prediction: [output.labels[label]],
    probabilities: [probabilities],
    confidence: probabilities[label],
  };
});
await app.listen({ port: Number(port), host: '127.0.0.1' });
