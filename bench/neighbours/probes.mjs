import { rowOf, table, VICTIM } from './scene.mjs';

/** What the victim does, each with small requests of its own; `ask` throws where it is refused. */
export const probesOf = (scene) => ({
  prediction: {
    everyMs: 50,
    ask: (client) => predict(client, { model_id: scene.models.quick, features: rowOf(1) }),
  },
  'rows at once': {
    everyMs: 100,
    ask: (client) =>
      predict(client, {
        model_id: scene.models.quick,
        features: Array.from({ length: 100 }, (_, at) => rowOf(at)),
      }),
  },
  explanation: {
    everyMs: 200,
    ask: (client) =>
      predict(client, {
        model_id: scene.models.quick,
        features: rowOf(2),
        options: { return_explanation: true },
      }),
  },
  'uploaded model': {
    everyMs: 100,
    ask: (client) => predict(client, { model_id: scene.models.uploaded, features: { x: 1 } }),
  },
  upload: {
    everyMs: 500,
    ask: (client) => scene.uploadVersion(client, scene.models.uploaded, scene.busy),
  },
  validation: {
    everyMs: 200,
    ask: async (client) => {
      const request = scene.trainingOf(client, 'quick', { estimator: 'logistic_regression' });
      await client.send('POST', '/api/v1/training/validate', request);
    },
  },
  object: {
    everyMs: 100,
    ask: async (client) => {
      const path = `/api/v1/objects/tenants/${VICTIM}/small.csv`;
      await scene.put(client, 'small.csv', table(10));
      await client.send('GET', `/api/v1/objects?prefix=s3://tenants/${VICTIM}/`);
      await client.send('DELETE', path);
    },
  },
  /** How long the job waits for its place; what it does then is its own affair. */
  'training starts': {
    everyMs: 500,
    ask: async (client) => {
      const request = scene.trainingOf(client, 'starts', { estimator: 'logistic_regression' });
      return (await scene.started(client, '/api/v1/training', request)).waitedMs;
    },
  },
  'batch starts': {
    everyMs: 500,
    ask: async (client) => {
      const request = {
        model_id: scene.models.quick,
        input_path: `s3://tenants/${VICTIM}/points.csv`,
        output_path: `s3://tenants/${VICTIM}/scores/`,
        overwrite: true,
      };
      return (await scene.started(client, '/api/v1/predictions/batch', request)).waitedMs;
    },
  },
});

async function predict(client, request) {
  await client.send('POST', '/api/v1/predictions', request);
}
