// The least that answers what an ensemble answers over HTTP: plain Fastify, onnxruntime and the mean of the probabilities,
// the service's own encoding of a row once a graph: node bench/ensembles/graphs.mjs <port> <core.onnx> <signature.json> …
import { readFileSync } from 'node:fs';
import Fastify from 'fastify';
import { InferenceSession } from 'onnxruntime-node';
import { compileSignature } from '../../dist/libs/inference/src/index.js';

const [port, ...files] = process.argv.slice(2);
const graphs = [];
for (let at = 0; at < files.length; at += 2) {
  const signature = compileSignature(JSON.parse(readFileSync(files[at + 1], 'utf8')), 'core');
  const session = await InferenceSession.create(readFileSync(files[at]), {
    executionProviders: ['cpu'],
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  graphs.push({ signature, session, output: signature.definition.output.probabilities_tensor });
}
const { labels } = graphs[0].signature.definition.output;

const app = Fastify();
app.get('/healthcheck', () => ({ status: 'ok' }));
app.post('/predict', async ({ body: { features } }) => {
  const probabilities = new Array(labels.length).fill(0);
  for (const { signature, session, output } of graphs) {
    const answers = await session.run(signature.encode([features]).feeds, [output]);
    answers[output].data.forEach((value, at) => (probabilities[at] += value / graphs.length));
  }
  const confidence = Math.max(...probabilities);
  return {
    prediction: [labels[probabilities.indexOf(confidence)]],
    probabilities: [probabilities],
    confidence,
  };
});
await app.listen({ port: Number(port), host: '127.0.0.1' });
