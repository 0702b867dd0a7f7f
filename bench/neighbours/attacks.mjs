import { ATTACKER, COLUMNS, rowOf, table, uploadForm } from './scene.mjs';

/**
 * What one tenant can do to another with requests that look harmless. `prepare` answers the requests that are sent again
 * and again over `connections`, or nothing where what it has submitted is the attack; `end` takes that back. `probes`
 * are what the victim does meanwhile, beside single predictions.
 */
export const ATTACKS = [
  {
    name: 'names that nearly match',
    probes: [],
    prepare: async (scene) => {
      const model_id = await scene.upload(scene.attacker, 'wide', scene.wide);
      const unknown = Array.from({ length: 25 }, (_, at) => [
        `${at}`.padStart(64, 'x').slice(0, 63) + 'y',
        1,
      ]);
      return {
        connections: 4,
        requests: [predictionOf({ model_id, features: Object.fromEntries(unknown) })],
      };
    },
  },
  {
    name: 'a glob of braces over long keys',
    probes: ['validation'],
    prepare: async (scene) => {
      const part = 'a'.repeat(245);
      const keys = Array.from(
        { length: scene.share(1000) },
        (_, at) => `long/${part}/${part}/${part}/${part.slice(9)}${at}.csv`,
      );
      scene.putMany(keys, table(3));
      const glob = '{a*a,*a}'.repeat(6);
      return {
        connections: 4,
        requests: [validationOf(scene, `s3://tenants/${ATTACKER}/long/${glob}/${glob}/*a*a*b/*.csv`)],
      };
    },
  },
  {
    name: 'a signature of 0.9 MB',
    probes: ['upload'],
    prepare: async (scene) => {
      const model_id = await scene.upload(scene.attacker, 'signed', scene.busy);
      const names = Array.from({ length: scene.share(120_000) }, (_, at) => `f${at}`);
      const signature = JSON.stringify({ features: names });
      const form = new Response(uploadForm(scene.busy, signature));
      const type = form.headers.get('content-type');
      const body = Buffer.from(await form.arrayBuffer());
      return {
        connections: 4,
        requests: [requestOf('POST', `/api/v1/models/${model_id}/versions`, body, { 'content-type': type })],
      };
    },
  },
  {
    name: 'bodies of 7 MB',
    probes: ['rows at once'],
    prepare: (scene) => {
      const numbers = Array.from({ length: scene.share(2_500_000) }, () => 1);
      const keys = Object.fromEntries(Array.from({ length: scene.share(600_000) }, (_, at) => [`k${at}`, 1]));
      const rows = Array.from({ length: scene.share(60_000) }, (_, at) => rowOf(at));
      const { slow } = scene.models;
      return {
        connections: 4,
        requests: [
          predictionOf({ model_id: slow, features: numbers }),
          predictionOf({ model_id: slow, features: keys }),
          predictionOf({ model_id: slow, features: rows }),
          predictionOf({ model_id: slow, features: rowOf(1), options: keys }),
          jsonOf('POST', '/api/v1/models', { name: 'many', tags: keys }),
          jsonOf('POST', '/api/v1/training', { data_config: { feature_columns: numbers.map(String) } }),
        ],
      };
    },
  },
  {
    name: 'a body 5,000 deep with an Idempotency-Key',
    probes: [],
    prepare: () => {
      const deep = `{"name":"deep","tags":${'['.repeat(5000)}${']'.repeat(5000)}}`;
      const headers = { 'content-type': 'application/json', 'idempotency-key': 'deep' };
      return { connections: 8, requests: [requestOf('POST', '/api/v1/models', Buffer.from(deep), headers)] };
    },
  },
  {
    name: 'explanations of a large forest, given up',
    probes: ['explanation', 'rows at once'],
    prepare: (scene) => {
      const features = Array.from({ length: 80 }, (_, at) => rowOf(at));
      const options = { return_explanation: true };
      return {
        connections: 8,
        giveUpMs: 2000,
        requests: [predictionOf({ model_id: scene.models.forest, features, options })],
      };
    },
  },
  {
    name: '8 uploaded models, two connections each',
    probes: ['uploaded model', 'upload'],
    prepare: async (scene) => {
      const ids = [];
      for (let at = 0; at < 8; at++) ids.push(await scene.upload(scene.attacker, `busy ${at}`, scene.busy));
      const features = Array.from({ length: 100 }, (_, x) => ({ x }));
      return { connections: 16, requests: ids.map((model_id) => predictionOf({ model_id, features })) };
    },
  },
  {
    name: '50 requests of 1,000 rows for a slow model',
    probes: ['rows at once'],
    prepare: (scene) => {
      const features = Array.from({ length: scene.share(1000) }, (_, at) => rowOf(at));
      return { connections: 50, requests: [predictionOf({ model_id: scene.models.slow, features })] };
    },
  },
  {
    name: 'two long trainings and a long batch',
    probes: ['training starts', 'batch starts'],
    prepare: async (scene) => {
      await scene.put(scene.attacker, 'many.csv', table(scene.share(300_000)));
      const long = { estimator: 'gradient_boosting', n_estimators: 5000, learning_rate: 0.01 };
      scene.long = [];
      for (let at = 0; at < 4; at++) {
        const training = scene.trainingOf(scene.attacker, `long ${at}`, long, 'many.csv');
        scene.long.push(await submitted(scene, '/api/v1/training', training));
        const batch = {
          model_id: scene.models.slow,
          input_path: `s3://tenants/${ATTACKER}/many.csv`,
          output_path: `s3://tenants/${ATTACKER}/scores-${at}/`,
        };
        scene.long.push(await submitted(scene, '/api/v1/predictions/batch', batch));
      }
      await running(scene, scene.long[0]);
    },
    end: async (scene) => {
      for (const path of scene.long) await cancelled(scene, path);
    },
  },
  {
    name: 'objects past the quota',
    probes: ['object'],
    prepare: () => {
      const path = `/api/v1/objects/tenants/${ATTACKER}/filler/{n}`;
      const headers = { 'content-type': 'application/octet-stream' };
      return { connections: 4, requests: [requestOf('PUT', path, Buffer.alloc(16 * 2 ** 20), headers)] };
    },
    end: async ({ attacker }) => {
      const fillers = `s3://tenants/${ATTACKER}/filler/`;
      for (;;) {
        const { data } = await attacker.send('GET', `/api/v1/objects?limit=200&prefix=${fillers}`);
        if (data.length === 0) return;
        for (const { uri } of data)
          await attacker.send('DELETE', `/api/v1/objects/${uri.slice('s3://'.length)}`);
      }
    },
  },
  {
    name: '50,000 files in one folder',
    probes: ['validation', 'object'],
    prepare: (scene) => {
      const keys = Array.from({ length: scene.share(50_000) }, (_, at) => `crowd/${at}.csv`);
      scene.putMany(keys, table(3));
      return {
        connections: 4,
        requests: [
          validationOf(scene, `s3://tenants/${ATTACKER}/crowd/*.parquet`),
          requestOf('GET', `/api/v1/objects?prefix=s3://tenants/${ATTACKER}/crowd/&limit=200`),
        ],
      };
    },
  },
  {
    name: 'a flood of validations',
    probes: ['validation'],
    prepare: async (scene) => {
      await scene.put(scene.attacker, 'large.csv', table(scene.share(200_000)));
      return { connections: 40, requests: [validationOf(scene, `s3://tenants/${ATTACKER}/large.csv`)] };
    },
  },
];

/** @returns a request as attacker.mjs takes it, which writes the number of the request for `{n}` */
function requestOf(method, path, body = Buffer.alloc(0), headers = {}) {
  return { method, path, headers, body: body.toString('base64') };
}

function jsonOf(method, path, body) {
  return requestOf(method, path, Buffer.from(JSON.stringify(body)), { 'content-type': 'application/json' });
}

const predictionOf = (body) => jsonOf('POST', '/api/v1/predictions', body);

function validationOf(scene, train_path) {
  const request = scene.trainingOf(scene.attacker, 'validated', { estimator: 'logistic_regression' });
  return jsonOf('POST', '/api/v1/training/validate', {
    ...request,
    data_config: { train_path, target_column: 'y', feature_columns: COLUMNS },
  });
}

async function submitted(scene, collection, request) {
  const { job_id } = await scene.attacker.send('POST', collection, request);
  return `${collection}/${job_id}`;
}

async function running(scene, path) {
  while ((await scene.attacker.send('GET', path)).status === 'submitted')
    await new Promise((resolve) => setTimeout(resolve, 50));
}

/** A job may have ended by itself meanwhile. */
async function cancelled(scene, path) {
  await scene.attacker.send('DELETE', path).catch(async (error) => {
    if (!(await scene.attacker.send('GET', path)).ended_at) throw error;
  });
}
