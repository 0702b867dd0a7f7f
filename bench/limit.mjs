// What bench/predictions.mjs measures us against: the least that answers the same question over HTTP. No tenants,
// tokens, versions, errors by feature or logs: node bench/limit.mjs <model.onnx> <signature.json> <port>
import { readFileSync } from 'node:fs';
import Fastify from 'fastify';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const [artifact, signatureFile, port] = process.argv.slice(2);
const { inputs, output } = JSON.parse(readFileSync(signatureFile, 'utf8'));
const fetches = [output.label_tensor, output.probabilities_tensor];
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
      properties: Object.fromEntries(inputs.map(({ name }) => [name, { type: 'number' }])),
      additionalProperties: false,
    },
  },
};

const app = Fastify();
app.get('/healthcheck', () => ({ status: 'ok' }));
app.post('/predict', { schema: { body } }, async ({ body: { features } }) => {
  const feeds = {};
  for (const { name, tensor } of inputs)
    feeds[tensor] = new Tensor('float32', Float32Array.of(features[name]), [1, 1]);
  const answers = await session.run(feeds, fetches);
  const label = Number(answers[output.label_tensor].data[0]);
  const probabilities = Array.from(answers[output.probabilities_tensor].data);
  return {
    prediction: [output.labels[label]],
    probabilities: [probabilities],
    confidence: probabilities[label],
  };
});
await app.listen({ port: Number(port), host: '127.0.0.1' });
