// node bench/uploads.mjs [--megabytes 200] [--turns 3]: an ONNX file through the gate beside the same bytes as an object.
import { openAsBlob } from 'node:fs';
import path from 'node:path';
import { inRoot, TRAINER_PYTHON } from '../scripts/parts/paths.mjs';
import { reportProblem } from '../scripts/parts/problem.mjs';
import { mustRun } from '../scripts/parts/programs.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { numberOptions } from './parts/options.mjs';
import { median, round, table, writeResults } from './parts/results.mjs';
import { TENANT, withStack } from './parts/stack.mjs';

const ROW = { x0: 1, x1: 2, x2: 3, x3: 4 };

const steps = new Steps();
try {
  const { megabytes, turns } = numberOptions({ megabytes: [200], turns: [3] });
  process.exitCode = await withStack(steps, (stack) => measure(stack, megabytes[0], turns[0]));
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

async function measure({ stateDir, url, token, client }, megabytes, turns) {
  const file = path.join(stateDir, 'large.onnx');
  await steps.run(`A model of ${megabytes} MB`, () =>
    mustRun(
      TRAINER_PYTHON,
      [inRoot('bench', 'large_model.py'), file, String(megabytes)],
      'No model was made',
    ),
  );
  const content = await openAsBlob(file);
  const model = await client.send('POST', '/api/v1/models', {
    name: 'large',
    model_type: 'regression',
    framework: 'onnx',
  });
  const versions = `/api/v1/models/${model.model_id}/versions`;

  const upload = async () => {
    const form = new FormData();
    form.set('artifact', content, 'large.onnx');
    form.set('signature', JSON.stringify({ features: Object.keys(ROW) }));
    const response = await fetch(url + versions, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: form,
    });
    const body = await response.json();
    if (response.status !== 201) throw new Error(`${response.status}: ${JSON.stringify(body)}`);
    return body.version;
  };
  const seconds = { upload: [], object: [], firstPrediction: [] };
  const timed = async (name, work) => {
    const start = performance.now();
    const result = await work();
    seconds[name].push((performance.now() - start) / 1000);
    return result;
  };
  await steps.run(`${turns} uploads as a version and as an object in turn`, async () => {
    for (let turn = 0; turn < turns; turn += 1) {
      await timed('object', () =>
        client.send('PUT', `/api/v1/objects/tenants/${TENANT}/large.onnx`, content),
      );
      const version = await timed('upload', upload);
      await timed('firstPrediction', () =>
        client.send('POST', '/api/v1/predictions', { model_id: model.model_id, version, features: ROW }),
      );
    }
  });
  const lines = Object.entries({
    'version: received, scanned, tried, published': seconds.upload,
    'object: received': seconds.object,
    'first prediction, in a process of its own': seconds.firstPrediction,
  }).map(([what, all]) => [what, round(median(all), 2), round(megabytes / median(all), 0)]);
  steps.say(`\n${table(['what', 'median s', 'MB/s'], lines)}\n`);
  const ratio = round(median(seconds.upload) / median(seconds.object), 2);
  steps.say(`version/object: ${ratio}`);
  steps.say(writeResults('uploads', { megabytes, turns, seconds, ratio }));
  return 0;
}
