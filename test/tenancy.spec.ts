import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { Answer, Client } from './support/client.js';
import type { TestDatabase } from './support/database.js';
import { required, Service } from './support/service.js';
import { uploadForm } from './support/uploads.js';
import { fillVersion } from './support/versions.js';

/** What a request can name of a tenant. */
interface Names {
  model: string;
  modelName: string;
  job: string;
  request: string;
  /** Job of an asynchronous prediction. */
  prediction: string;
  /** Job of an export. */
  exported: string;
  batch: string;
  calibration: string;
  ensembleFit: string;
  study: string;
  schedule: string;
  apiKey: string;
  featureEntity: string;
  featureView: string;
  featureService: string;
  materialization: string;
  historical: string;
  erasure: string;
  skew: string;
  webhook: string;
  delivery: string;
  /** Key within `s3://data/` and within `s3://tenants/acme-corp/`. */
  object: string;
}

interface Call {
  path: string;
  body?: unknown;
}

const PREDICTION = { features: { total_orders: 1 } };
const ensembleOf = (...models: string[]) => ({
  name: 'taken together',
  method: 'voting_soft',
  models: models.map((model_id) => ({ model_id })),
});
const SCHEDULE = { name: 'secret scores', kind: 'batch', cron: '30 2 * * *' };
const FEATURE_VIEW = {
  source: { path: 's3://tenants/acme-corp/customers.parquet' },
  timestamp_column: 'event_timestamp',
  features: [{ name: 'total_orders', type: 'int64' }],
};
const OBJECT_FOLDERS = ['data', 'predictions', 'tenants/acme-corp', 'modelplane/acme-corp'];

/** Every operation that names something, in its path, query or body. */
const NAMING: Record<string, (names: Names) => Call[]> = {
  'GET /api/v1/jobs': ({ job }) => [{ path: `/api/v1/jobs?parent_id=${job}` }],
  'GET /api/v1/jobs/{job_id}': ({ job, batch, exported, prediction }) =>
    [job, batch, exported, prediction].map((id) => ({ path: `/api/v1/jobs/${id}` })),
  'GET /api/v1/models/{model_id}': ({ model }) => [{ path: `/api/v1/models/${model}` }],
  'PATCH /api/v1/models/{model_id}': ({ model }) => [
    { path: `/api/v1/models/${model}`, body: { description: 'taken over' } },
    { path: `/api/v1/models/${model}`, body: { unknown: 1 } },
  ],
  'DELETE /api/v1/models/{model_id}': ({ model }) => [{ path: `/api/v1/models/${model}` }],
  'GET /api/v1/models/{model_id}/versions': ({ model }) => [{ path: `/api/v1/models/${model}/versions` }],
  'GET /api/v1/models/{model_id}/versions/{version}/card': ({ model }) => [
    { path: `/api/v1/models/${model}/versions/1.0.0/card` },
  ],
  'GET /api/v1/models/{model_id}/versions/{version}/importance': ({ model }) => [
    { path: `/api/v1/models/${model}/versions/1.0.0/importance` },
  ],
  'GET /api/v1/models/{model_id}/versions/{version}/calibration': ({ model }) => [
    { path: `/api/v1/models/${model}/versions/1.0.0/calibration` },
  ],
  'POST /api/v1/models/{model_id}/versions/{version}/calibration': ({ model, object }) => [
    {
      path: `/api/v1/models/${model}/versions/1.0.0/calibration`,
      body: { data_config: { validation_path: `s3://tenants/globex/${object}`, target_column: 'churned' } },
    },
  ],
  'GET /api/v1/models/{model_id}/versions/{version}/threshold': ({ model }) => [
    { path: `/api/v1/models/${model}/versions/1.0.0/threshold` },
  ],
  'PUT /api/v1/models/{model_id}/versions/{version}/threshold': ({ model }) => [
    { path: `/api/v1/models/${model}/versions/1.0.0/threshold`, body: { value: 0.5 } },
  ],
  'DELETE /api/v1/models/{model_id}/versions/{version}/threshold': ({ model }) => [
    { path: `/api/v1/models/${model}/versions/1.0.0/threshold` },
  ],
  'GET /api/v1/calibrations': ({ model }) => [{ path: `/api/v1/calibrations?model_id=${model}` }],
  'GET /api/v1/calibrations/{job_id}': ({ calibration }) => [{ path: `/api/v1/calibrations/${calibration}` }],
  'DELETE /api/v1/calibrations/{job_id}': ({ calibration }) => [
    { path: `/api/v1/calibrations/${calibration}` },
  ],
  'POST /api/v1/calibrations/{job_id}/rerun': ({ calibration }) => [
    { path: `/api/v1/calibrations/${calibration}/rerun` },
    { path: `/api/v1/calibrations/${calibration}/rerun`, body: { unknown: 1 } },
  ],
  'GET /api/v1/calibrations/{job_id}/logs': ({ calibration }) => [
    { path: `/api/v1/calibrations/${calibration}/logs` },
  ],
  'GET /api/v1/calibrations/{job_id}/events': ({ calibration }) => [
    { path: `/api/v1/calibrations/${calibration}/events` },
  ],
  'GET /api/v1/models/{model_id}/versions/{version}': ({ model }) => [
    { path: `/api/v1/models/${model}/versions/1.0.0` },
    { path: `/api/v1/models/${model}/versions/9.9.9` },
  ],
  'POST /api/v1/models/{model_id}/versions': ({ model }) => [
    { path: `/api/v1/models/${model}/versions` },
    { path: `/api/v1/models/${model}/versions`, body: uploadForm() },
  ],
  'GET /api/v1/models/{model_id}/versions/{version}/artifact': ({ model }) => [
    { path: `/api/v1/models/${model}/versions/1.0.0/artifact` },
  ],
  'PUT /api/v1/models/{model_id}/versions/{version}/artifact': ({ model }) => [
    { path: `/api/v1/models/${model}/versions/1.0.0/artifact`, body: uploadForm() },
    { path: `/api/v1/models/${model}/versions/9.9.9/artifact`, body: uploadForm() },
  ],
  'PUT /api/v1/models/{model_id}/stage': ({ model }) => [
    { path: `/api/v1/models/${model}/stage`, body: { version: '1.0.0', target_stage: 'archived' } },
    { path: `/api/v1/models/${model}/stage`, body: { version: '1.0.0', target_stage: 'development' } },
  ],
  'POST /api/v1/models/{model_id}/rollback': ({ model }) => [
    { path: `/api/v1/models/${model}/rollback` },
    { path: `/api/v1/models/${model}/rollback`, body: { unknown: 1 } },
  ],
  'GET /api/v1/models/{model_id}/history': ({ model }) => [{ path: `/api/v1/models/${model}/history` }],
  'GET /api/v1/models/{model_id}/predictions': ({ model }) => [
    { path: `/api/v1/models/${model}/predictions` },
    { path: `/api/v1/models/${model}/predictions?version=1.0.0` },
  ],
  'GET /api/v1/models/{model_id}/prediction-counts': ({ model }) => [
    { path: `/api/v1/models/${model}/prediction-counts` },
    { path: `/api/v1/models/${model}/prediction-counts?version=1.0.0` },
  ],
  'GET /api/v1/models/{model_id}/prediction-log': ({ model }) => [
    { path: `/api/v1/models/${model}/prediction-log` },
  ],
  'PUT /api/v1/models/{model_id}/prediction-log': ({ model }) => [
    { path: `/api/v1/models/${model}/prediction-log`, body: { sample_rate: 0 } },
    { path: `/api/v1/models/${model}/prediction-log`, body: { unknown: 1 } },
  ],
  'GET /api/v1/models': ({ modelName }) => [{ path: `/api/v1/models?name=${modelName}` }],
  'POST /api/v1/ensembles': ({ model, modelName }) => [
    { path: '/api/v1/ensembles', body: ensembleOf(model, modelName) },
    { path: '/api/v1/ensembles', body: ensembleOf(model, `${modelName}@staging`) },
  ],
  'GET /api/v1/ensembles/{ensemble_id}': ({ model }) => [{ path: `/api/v1/ensembles/${model}` }],
  'PATCH /api/v1/ensembles/{ensemble_id}': ({ model }) => [
    { path: `/api/v1/ensembles/${model}`, body: { min_models_required: 1 } },
    { path: `/api/v1/ensembles/${model}`, body: { unknown: 1 } },
  ],
  'DELETE /api/v1/ensembles/{ensemble_id}': ({ model }) => [{ path: `/api/v1/ensembles/${model}` }],
  'POST /api/v1/ensembles/{ensemble_id}/fit': ({ model, object }) => [
    {
      path: `/api/v1/ensembles/${model}/fit`,
      body: { method: 'greedy', data_config: { validation_path: `s3://data/${object}` } },
    },
  ],
  'GET /api/v1/ensembles/{ensemble_id}/leaderboard': ({ model }) => [
    { path: `/api/v1/ensembles/${model}/leaderboard` },
  ],
  'GET /api/v1/ensemble-fits': ({ model }) => [{ path: `/api/v1/ensemble-fits?ensemble_id=${model}` }],
  'GET /api/v1/ensemble-fits/{job_id}': ({ ensembleFit }) => [
    { path: `/api/v1/ensemble-fits/${ensembleFit}` },
  ],
  'DELETE /api/v1/ensemble-fits/{job_id}': ({ ensembleFit }) => [
    { path: `/api/v1/ensemble-fits/${ensembleFit}` },
  ],
  'POST /api/v1/ensemble-fits/{job_id}/rerun': ({ ensembleFit }) => [
    { path: `/api/v1/ensemble-fits/${ensembleFit}/rerun` },
    { path: `/api/v1/ensemble-fits/${ensembleFit}/rerun`, body: { unknown: 1 } },
  ],
  'GET /api/v1/ensemble-fits/{job_id}/logs': ({ ensembleFit }) => [
    { path: `/api/v1/ensemble-fits/${ensembleFit}/logs` },
  ],
  'GET /api/v1/ensemble-fits/{job_id}/events': ({ ensembleFit }) => [
    { path: `/api/v1/ensemble-fits/${ensembleFit}/events` },
  ],
  'POST /api/v1/ensembles/{ensemble_id}/predict': ({ model }) => [
    { path: `/api/v1/ensembles/${model}/predict`, body: PREDICTION },
    { path: `/api/v1/ensembles/${model}/predict`, body: { ...PREDICTION, version: '1.0.0' } },
  ],
  'POST /api/v1/predictions': ({ model }) => [
    { path: '/api/v1/predictions', body: { model_id: model, ...PREDICTION } },
    { path: '/api/v1/predictions', body: { model_id: model, version: '1.0.0', ...PREDICTION } },
  ],
  'POST /api/v1/predictions/async': ({ model }) => [
    { path: '/api/v1/predictions/async', body: { model_id: model, ...PREDICTION } },
    { path: '/api/v1/predictions/async', body: { model_id: model, version: '1.0.0', ...PREDICTION } },
  ],
  'GET /api/v1/predictions/async/{job_id}': ({ prediction }) => [
    { path: `/api/v1/predictions/async/${prediction}` },
  ],
  'DELETE /api/v1/predictions/async/{job_id}': ({ prediction }) => [
    { path: `/api/v1/predictions/async/${prediction}` },
  ],
  'POST /api/v1/models/{model_id}/predictions/export': ({ model, object }) =>
    [...OBJECT_FOLDERS, 'tenants/globex'].map((folder) => ({
      path: `/api/v1/models/${model}/predictions/export`,
      body: { output_path: `s3://${folder}/${object}` },
    })),
  'GET /api/v1/predictions/exports': () => [{ path: '/api/v1/predictions/exports' }],
  'GET /api/v1/predictions/exports/{job_id}/logs': ({ exported }) => [
    { path: `/api/v1/predictions/exports/${exported}/logs` },
  ],
  'GET /api/v1/predictions/exports/{job_id}/events': ({ exported }) => [
    { path: `/api/v1/predictions/exports/${exported}/events` },
  ],
  'GET /api/v1/predictions/exports/{job_id}': ({ exported }) => [
    { path: `/api/v1/predictions/exports/${exported}` },
  ],
  'DELETE /api/v1/predictions/exports/{job_id}': ({ exported }) => [
    { path: `/api/v1/predictions/exports/${exported}` },
  ],
  'GET /api/v1/predictions/{request_id}': ({ request }) => [{ path: `/api/v1/predictions/${request}` }],
  'GET /api/v1/tuning': ({ modelName }) => [{ path: `/api/v1/tuning?model_name=${modelName}` }],
  // Before it has trained models of these names itself, whose data would be taken.
  'POST /api/v1/tuning': ({ modelName, object, study }) => {
    const search_space = { max_depth: { type: 'randint', min: 3, max: 20 } };
    const body = { model_name: modelName, search_space, objective_metric: 'val_accuracy' };
    const data_config = { train_path: `s3://tenants/globex/${object}`, target_column: 'y' };
    return [
      { path: '/api/v1/tuning', body },
      { path: '/api/v1/tuning', body: { ...body, data_config } },
      { path: '/api/v1/tuning', body: { ...body, data_config, parents: [study] } },
    ];
  },
  'POST /api/v1/training': ({ modelName, object }) =>
    ['s3://tenants/globex/x.csv', ...OBJECT_FOLDERS.map((folder) => `s3://${folder}/${object}`)].map(
      (train_path) => ({
        path: '/api/v1/training',
        body: {
          model_name: modelName,
          framework: 'lightgbm',
          data_config: { train_path, target_column: 'y' },
        },
      }),
    ),
  // Its own files would be looked at, for which no worker runs here.
  'POST /api/v1/training/validate': ({ modelName, object }) =>
    OBJECT_FOLDERS.filter((folder) => !folder.startsWith('tenants/globex')).map((folder) => ({
      path: '/api/v1/training/validate',
      body: {
        model_name: modelName,
        framework: 'lightgbm',
        data_config: { train_path: `s3://${folder}/${object}`, target_column: 'y' },
      },
    })),
  'GET /api/v1/tuning/{job_id}': ({ study }) => [{ path: `/api/v1/tuning/${study}` }],
  'DELETE /api/v1/tuning/{job_id}': ({ study }) => [{ path: `/api/v1/tuning/${study}` }],
  'GET /api/v1/tuning/{job_id}/logs': ({ study }) => [{ path: `/api/v1/tuning/${study}/logs` }],
  'GET /api/v1/tuning/{job_id}/events': ({ study }) => [{ path: `/api/v1/tuning/${study}/events` }],
  'POST /api/v1/tuning/{job_id}/pause': ({ study }) => [{ path: `/api/v1/tuning/${study}/pause` }],
  'POST /api/v1/tuning/{job_id}/resume': ({ study }) => [{ path: `/api/v1/tuning/${study}/resume` }],
  'POST /api/v1/tuning/{job_id}/rerun': ({ study }) => [
    { path: `/api/v1/tuning/${study}/rerun` },
    { path: `/api/v1/tuning/${study}/rerun`, body: { unknown: 1 } },
  ],
  'GET /api/v1/tuning/{job_id}/trials': ({ study }) => [
    { path: `/api/v1/tuning/${study}/trials` },
    { path: `/api/v1/tuning/${study}/trials?format=parquet` },
  ],
  'POST /api/v1/tuning/{job_id}/trials': ({ study }) => [
    { path: `/api/v1/tuning/${study}/trials`, body: { add_trials: 1 } },
  ],
  'GET /api/v1/training': ({ modelName }) => [
    { path: `/api/v1/training?model_name=${modelName}&status=running` },
  ],
  'GET /api/v1/training/{job_id}': ({ job }) => [{ path: `/api/v1/training/${job}` }],
  'DELETE /api/v1/training/{job_id}': ({ job }) => [{ path: `/api/v1/training/${job}` }],
  'GET /api/v1/training/{job_id}/logs': ({ job }) => [{ path: `/api/v1/training/${job}/logs` }],
  'GET /api/v1/training/{job_id}/events': ({ job }) => [{ path: `/api/v1/training/${job}/events` }],
  'POST /api/v1/training/{job_id}/rerun': ({ job }) => [
    { path: `/api/v1/training/${job}/rerun` },
    { path: `/api/v1/training/${job}/rerun`, body: { unknown: 1 } },
  ],
  'POST /api/v1/predictions/batch/{job_id}/rerun': ({ batch }) => [
    { path: `/api/v1/predictions/batch/${batch}/rerun` },
    { path: `/api/v1/predictions/batch/${batch}/rerun`, body: { output_path: 's3://tenants/globex/out/' } },
  ],
  'POST /api/v1/predictions/exports/{job_id}/rerun': ({ exported }) => [
    { path: `/api/v1/predictions/exports/${exported}/rerun` },
    { path: `/api/v1/predictions/exports/${exported}/rerun`, body: { unknown: 1 } },
  ],
  'POST /api/v1/predictions/batch': ({ model, object }) => [
    ...['s3://tenants/globex/x.csv', `s3://data/${object}`, `s3://tenants/acme-corp/${object}`].map(
      (input_path) => ({
        path: '/api/v1/predictions/batch',
        body: { model_id: model, input_path, output_path: 's3://tenants/globex/out/' },
      }),
    ),
    {
      path: '/api/v1/predictions/batch',
      body: {
        model_id: model,
        input_path: 's3://tenants/globex/x.csv',
        output_path: `s3://predictions/${object}/`,
      },
    },
  ],
  'GET /api/v1/predictions/batch/{job_id}': ({ batch }) => [{ path: `/api/v1/predictions/batch/${batch}` }],
  'DELETE /api/v1/predictions/batch/{job_id}': ({ batch }) => [
    { path: `/api/v1/predictions/batch/${batch}` },
  ],
  'GET /api/v1/predictions/batch/{job_id}/logs': ({ batch }) => [
    { path: `/api/v1/predictions/batch/${batch}/logs` },
  ],
  'GET /api/v1/predictions/batch/{job_id}/events': ({ batch }) => [
    { path: `/api/v1/predictions/batch/${batch}/events` },
  ],
  'POST /api/v1/schedules': ({ model, object }) =>
    ['s3://tenants/globex/x.csv', `s3://data/${object}`].map((input_path) => ({
      path: '/api/v1/schedules',
      body: {
        ...SCHEDULE,
        request: { model_id: model, input_path, output_path: 's3://tenants/globex/out/' },
      },
    })),
  'GET /api/v1/schedules/{schedule_id}': ({ schedule }) => [{ path: `/api/v1/schedules/${schedule}` }],
  'PATCH /api/v1/schedules/{schedule_id}': ({ schedule }) => [
    { path: `/api/v1/schedules/${schedule}`, body: { name: 'taken over' } },
    { path: `/api/v1/schedules/${schedule}`, body: { unknown: 1 } },
  ],
  'DELETE /api/v1/schedules/{schedule_id}': ({ schedule }) => [{ path: `/api/v1/schedules/${schedule}` }],
  'POST /api/v1/schedules/{schedule_id}/run': ({ schedule }) => [
    { path: `/api/v1/schedules/${schedule}/run` },
  ],
  'GET /api/v1/features/entities/{name}': ({ featureEntity }) => [
    { path: `/api/v1/features/entities/${featureEntity}` },
  ],
  'PUT /api/v1/features/entities/{name}': ({ featureEntity }) => [
    { path: `/api/v1/features/entities/${featureEntity}`, body: { keys: [] } },
  ],
  'DELETE /api/v1/features/entities/{name}': ({ featureEntity }) => [
    { path: `/api/v1/features/entities/${featureEntity}` },
  ],
  'DELETE /api/v1/features/entities/{name}/{key}': ({ featureEntity }) => [
    { path: `/api/v1/features/entities/${featureEntity}/cust-123` },
  ],
  'GET /api/v1/features/erasures/{job_id}': ({ erasure }) => [
    { path: `/api/v1/features/erasures/${erasure}` },
  ],
  'DELETE /api/v1/features/erasures/{job_id}': ({ erasure }) => [
    { path: `/api/v1/features/erasures/${erasure}` },
  ],
  'GET /api/v1/features/erasures/{job_id}/logs': ({ erasure }) => [
    { path: `/api/v1/features/erasures/${erasure}/logs` },
  ],
  'GET /api/v1/features/erasures/{job_id}/events': ({ erasure }) => [
    { path: `/api/v1/features/erasures/${erasure}/events` },
  ],
  'GET /api/v1/features/views/{name}': (names) => viewCalls(names),
  'PUT /api/v1/features/views/{name}': ({ featureEntity, ...names }) =>
    viewCalls(names).map((call) => ({ ...call, body: { ...FEATURE_VIEW, entities: [featureEntity] } })),
  'DELETE /api/v1/features/views/{name}': (names) => viewCalls(names),
  'PUT /api/v1/features/views/{name}/promote': (names) => viewCalls(names, '/promote'),
  'GET /api/v1/features/views/{name}/versions': (names) => viewCalls(names, '/versions'),
  'GET /api/v1/features/views/{name}/lineage': (names) => viewCalls(names, '/lineage'),
  'GET /api/v1/features/views/{name}/statistics': (names) => viewCalls(names, '/statistics'),
  'GET /api/v1/features/services/{name}': ({ featureService }) => [
    { path: `/api/v1/features/services/${featureService}` },
  ],
  'PUT /api/v1/features/services/{name}': ({ featureService, featureView }) => [
    {
      path: `/api/v1/features/services/${featureService}`,
      body: { features: [`${featureView}:total_orders`] },
    },
  ],
  'DELETE /api/v1/features/services/{name}': ({ featureService }) => [
    { path: `/api/v1/features/services/${featureService}` },
  ],
  'GET /api/v1/features/services/{name}/lineage': ({ featureService }) => [
    { path: `/api/v1/features/services/${featureService}/lineage` },
  ],
  'POST /api/v1/features/plan': ({ featureEntity, featureView, featureService }) => [
    {
      path: '/api/v1/features/plan',
      body: {
        entities: { [featureEntity]: { keys: [{ name: 'id', type: 'int64' }] } },
        views: { [featureView]: { ...FEATURE_VIEW, entities: ['customer'] } },
        services: { [featureService]: { features: [`${featureView}:total_orders`] } },
      },
    },
  ],
  'POST /api/v1/features/online': ({ featureView, featureService }) =>
    [{ feature_refs: [`${featureView}:total_orders`] }, { feature_service: featureService }].map((of) => ({
      path: '/api/v1/features/online',
      body: { ...of, entity_rows: [{ customer_id: 'cust-123' }] },
    })),
  'POST /api/v1/features/push': ({ featureView }) => [
    {
      path: '/api/v1/features/push',
      body: {
        view: featureView,
        rows: [{ customer_id: 'cust-123', event_timestamp: '2026-02-12T10:00:00Z', total_orders: 99 }],
      },
    },
  ],
  'POST /api/v1/features/materialize': ({ featureView }) => [
    { path: '/api/v1/features/materialize', body: { feature_views: [featureView] } },
  ],
  'GET /api/v1/features/materialize/{job_id}': ({ materialization }) => [
    { path: `/api/v1/features/materialize/${materialization}` },
  ],
  'DELETE /api/v1/features/materialize/{job_id}': ({ materialization }) => [
    { path: `/api/v1/features/materialize/${materialization}` },
  ],
  'GET /api/v1/features/materialize/{job_id}/logs': ({ materialization }) => [
    { path: `/api/v1/features/materialize/${materialization}/logs` },
  ],
  'GET /api/v1/features/materialize/{job_id}/events': ({ materialization }) => [
    { path: `/api/v1/features/materialize/${materialization}/events` },
  ],
  'POST /api/v1/features/historical': ({ featureView, featureService }) =>
    [{ feature_refs: [`${featureView}:total_orders`] }, { feature_service: featureService }].map((of) => ({
      path: '/api/v1/features/historical',
      body: {
        ...of,
        name: 'taken',
        entity_rows: [{ customer_id: 'cust-123', event_timestamp: '2026-02-12T10:00:00Z' }],
      },
    })),
  'GET /api/v1/features/historical/{job_id}': ({ historical }) => [
    { path: `/api/v1/features/historical/${historical}` },
  ],
  'DELETE /api/v1/features/historical/{job_id}': ({ historical }) => [
    { path: `/api/v1/features/historical/${historical}` },
  ],
  'GET /api/v1/features/historical/{job_id}/logs': ({ historical }) => [
    { path: `/api/v1/features/historical/${historical}/logs` },
  ],
  'GET /api/v1/features/historical/{job_id}/events': ({ historical }) => [
    { path: `/api/v1/features/historical/${historical}/events` },
  ],
  'POST /api/v1/features/skew': ({ model }) => [
    {
      path: '/api/v1/features/skew',
      body: { model_id: model, from: '2026-02-11T00:00:00Z', to: '2026-02-12T00:00:00Z' },
    },
  ],
  'GET /api/v1/features/skew/{job_id}': ({ skew }) => [{ path: `/api/v1/features/skew/${skew}` }],
  'DELETE /api/v1/features/skew/{job_id}': ({ skew }) => [{ path: `/api/v1/features/skew/${skew}` }],
  'GET /api/v1/features/skew/{job_id}/logs': ({ skew }) => [{ path: `/api/v1/features/skew/${skew}/logs` }],
  'GET /api/v1/features/skew/{job_id}/events': ({ skew }) => [
    { path: `/api/v1/features/skew/${skew}/events` },
  ],
  'GET /api/v1/api-keys/{key_id}': ({ apiKey }) => [{ path: `/api/v1/api-keys/${apiKey}` }],
  'POST /api/v1/api-keys/{key_id}/rotate': ({ apiKey }) => [
    { path: `/api/v1/api-keys/${apiKey}/rotate`, body: { overlap_seconds: 0 } },
    { path: `/api/v1/api-keys/${apiKey}/rotate`, body: { unknown: 1 } },
  ],
  'DELETE /api/v1/api-keys/{key_id}': ({ apiKey }) => [{ path: `/api/v1/api-keys/${apiKey}` }],
  'GET /api/v1/webhooks/{webhook_id}': ({ webhook }) => [{ path: `/api/v1/webhooks/${webhook}` }],
  'PATCH /api/v1/webhooks/{webhook_id}': ({ webhook }) => [
    { path: `/api/v1/webhooks/${webhook}`, body: { enabled: false } },
    { path: `/api/v1/webhooks/${webhook}`, body: { url: 'https://127.0.0.1/' } },
    { path: `/api/v1/webhooks/${webhook}`, body: { unknown: 1 } },
  ],
  'DELETE /api/v1/webhooks/{webhook_id}': ({ webhook }) => [{ path: `/api/v1/webhooks/${webhook}` }],
  'POST /api/v1/webhooks/{webhook_id}/rotate-secret': ({ webhook }) => [
    { path: `/api/v1/webhooks/${webhook}/rotate-secret` },
  ],
  'POST /api/v1/webhooks/{webhook_id}/test': ({ webhook }) => [{ path: `/api/v1/webhooks/${webhook}/test` }],
  'GET /api/v1/webhooks/{webhook_id}/deliveries': ({ webhook }) => [
    { path: `/api/v1/webhooks/${webhook}/deliveries` },
    { path: `/api/v1/webhooks/${webhook}/deliveries?state=dead` },
  ],
  'POST /api/v1/webhooks/{webhook_id}/deliveries/resend': ({ webhook }) => [
    { path: `/api/v1/webhooks/${webhook}/deliveries/resend` },
  ],
  'POST /api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/resend': ({ webhook, delivery }) => [
    { path: `/api/v1/webhooks/${webhook}/deliveries/${delivery}/resend` },
  ],
  'GET /api/v1/objects': ({ object }) =>
    OBJECT_FOLDERS.flatMap((folder) => [
      { path: `/api/v1/objects?prefix=s3://${folder}/` },
      { path: `/api/v1/objects?prefix=s3://${folder}/${object}/` },
    ]),
  'GET /api/v1/objects/{path}': objectCalls,
  'PUT /api/v1/objects/{path}': (names) =>
    objectCalls(names).map((call) => ({ ...call, body: 'taken over' })),
  'DELETE /api/v1/objects/{path}': objectCalls,
  'POST /api/v1/objects/presign': ({ object }) =>
    OBJECT_FOLDERS.flatMap((folder) =>
      ['GET', 'PUT'].map((method) => ({
        path: '/api/v1/objects/presign',
        body: { uri: `s3://${folder}/${object}`, method },
      })),
    ),
  'GET /api/v1/signed-objects/{path}': signedCalls,
  'PUT /api/v1/signed-objects/{path}': (names) =>
    signedCalls(names).map((call) => ({ ...call, body: 'taken over' })),
};

/** Every other operation. One that takes an id, a name or a path belongs above. */
const NAMING_NOTHING = [
  'POST /api/v1/models',
  'GET /api/v1/ensembles',
  'GET /api/v1/predictions/batch',
  'GET /api/v1/schedules',
  'GET /api/v1/features/entities',
  'GET /api/v1/features/views',
  'GET /api/v1/features/services',
  'GET /api/v1/features/materialize',
  'GET /api/v1/features/historical',
  'GET /api/v1/features/erasures',
  'GET /api/v1/features/skew',
  'GET /api/v1/events',
  'GET /api/v1/api-keys',
  'GET /api/v1/me',
  'GET /api/v1/usage',
  'POST /api/v1/api-keys',
  'GET /api/v1/webhooks',
  'POST /api/v1/webhooks',
  'GET /healthcheck',
  'GET /healthcheck/live',
  'GET /metrics',
];

function objectCalls({ object }: Names): Call[] {
  return OBJECT_FOLDERS.map((folder) => ({ path: `/api/v1/objects/${folder}/${object}` }));
}

function viewCalls({ featureView }: Pick<Names, 'featureView'>, below = ''): Call[] {
  return [featureView, `${featureView}@v1`].map((name) => ({
    path: `/api/v1/features/views/${name}${below}`,
  }));
}

/** A signature can only be guessed: every signed URL is acme-corp's own. */
function signedCalls({ object }: Names): Call[] {
  const query = `tenant=acme-corp&expires=4102444800&signature=${'A'.repeat(43)}`;
  return OBJECT_FOLDERS.map((folder) => ({ path: `/api/v1/signed-objects/${folder}/${object}?${query}` }));
}

const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'options', 'head', 'trace'];

describe('a tenant', () => {
  let service: Service;
  let acme: Client;
  let globex: Client;
  let existing: Names;
  const absent: Names = {
    model: '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
    modelName: 'absent_model',
    job: 'train-019c1a7c-0b3e-7c41-9d2e-ffffffffffff',
    request: 'req-019c1a7c-0b3e-7c41-9d2e-ffffffffffff',
    prediction: 'pred-019c1a7c-0b3e-7c41-9d2e-ffffffffffff',
    exported: 'export-019c1a7c-0b3e-7c41-9d2e-ffffffffffff',
    batch: 'batch-019c1a7c-0b3e-7c41-9d2e-ffffffffffff',
    calibration: 'calib-019c1a7c-0b3e-7c41-9d2e-ffffffffffff',
    ensembleFit: 'fit-019c1a7c-0b3e-7c41-9d2e-ffffffffffff',
    study: 'tune-019c1a7c-0b3e-7c41-9d2e-ffffffffffff',
    materialization: 'mat-019c1a7c-0b3e-7c41-9d2e-ffffffffffff',
    historical: 'hist-019c1a7c-0b3e-7c41-9d2e-ffffffffffff',
    erasure: 'erase-019c1a7c-0b3e-7c41-9d2e-ffffffffffff',
    skew: 'skew-019c1a7c-0b3e-7c41-9d2e-ffffffffffff',
    schedule: '019c1a7c-0b3e-7c41-9d2e-ffffffffffff',
    apiKey: '019c1a7c-0b3e-7c41-9d2e-eeeeeeeeeeee',
    featureEntity: 'absent_entity',
    featureView: 'absent_view',
    featureService: 'absent_service',
    webhook: '019c1a7c-0b3e-7c41-9d2e-dddddddddddd',
    delivery: '019c1a7c-0b3e-7c41-9d2e-cccccccccccc',
    object: 'absent.csv',
  };

  beforeAll(async () => {
    service = await Service.start();
    acme = await service.as('acme-corp');
    globex = await service.as('globex');
    existing = await populate(service, acme);
  });
  afterAll(() => service?.stop());

  it('should be walked through every operation of the OpenAPI document', async () => {
    const { paths } = (await globex.get('/api/v1/openapi.json')).body;
    const operations = Object.entries(paths as Record<string, Record<string, unknown>>).flatMap(
      ([path, item]) =>
        Object.keys(item)
          .filter((method) => METHODS.includes(method))
          .map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(operations.sort()).toEqual([...Object.keys(NAMING), ...NAMING_NOTHING].sort());
    expect(NAMING_NOTHING.filter((operation) => operation.includes('{'))).toEqual([]);
  });

  describe.each(Object.keys(NAMING))('%s', (operation) => {
    it("should answer for another tenant's as for what does not exist", async () => {
      const calls = NAMING[operation] as (names: Names) => Call[];
      const method = operation.split(' ', 1)[0] as string;
      const send = async (names: Names) => {
        const answers: unknown[] = [];
        for (const { path, body } of calls(names)) {
          answers.push(comparable(await globex.send(method, path, body), names));
        }
        return answers;
      };
      const before = await view(acme, existing);
      const forExisting = await send(existing);
      expect(forExisting).toEqual(await send(absent));
      // What names one thing must not have been found.
      if (operation.includes('{')) {
        for (const answer of forExisting) expect(answer).toMatchObject({ refused: true });
      }
      expect(await view(acme, existing)).toEqual(before);
    });
  });

  it('should see nothing of another tenant in any list', async () => {
    await globex.post('/api/v1/models', { name: 'own', model_type: 'regression', framework: 'onnx' });
    const models = (await globex.get('/api/v1/models?limit=200')).body.data;
    expect(new Set(models.map(({ tenant_id }: { tenant_id: string }) => tenant_id))).toEqual(
      new Set(['globex']),
    );
    const jobs = (await globex.get('/api/v1/training?limit=200')).body.data;
    expect(jobs.map(({ job_id }: { job_id: string }) => job_id)).not.toContain(existing.job);
    expect((await globex.get('/api/v1/predictions/batch')).body.data).toEqual([]);
    expect((await globex.get('/api/v1/schedules')).body.data).toEqual([]);
    const events = (await globex.get('/api/v1/events')).body.data;
    expect(events.map(({ type }: { type: string }) => type)).toEqual(['model.registered']);
    expect((await globex.get('/api/v1/api-keys')).body.data).toEqual([]);
    expect((await globex.get('/api/v1/webhooks')).body.data).toEqual([]);
    expect((await globex.get('/api/v1/objects?prefix=s3://tenants/globex/')).body.data).toEqual([]);
  });

  describe('in the database', () => {
    let database: TestDatabase;
    let tables: string[];
    let rows: Map<string, object>;

    beforeAll(async () => {
      database = service.database;
      tables = (
        await database.query<{ name: string }>(
          `select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
           where a.attname = 'tenant_id' and not a.attisdropped and c.relkind in ('r', 'p')
             and not c.relispartition and c.relnamespace = 'public'::regnamespace order by 1`,
        )
      ).map(({ name }) => name);
      rows = new Map();
      for (const table of tables) {
        const [found] = await database.query<{ row: object }>(
          `select to_jsonb(t) as row from ${table} t where tenant_id = 'acme-corp' limit 1`,
        );
        // Without a row of acme-corp the tests below would pass for any policy.
        if (!found) throw new Error(`give ${table} a row in populate()`);
        rows.set(table, found.row);
      }
    });

    /** Runs `work` as the application would, in a transaction that is rolled back. */
    async function asApp<T>(
      tenant: string | undefined,
      work: (client: pg.Client) => Promise<T>,
      url = database.appUrl,
    ): Promise<T> {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        await client.query('begin');
        if (tenant !== undefined)
          await client.query(`select set_config('app.tenant_id', $1, true)`, [tenant]);
        return await work(client);
      } finally {
        await client.end();
      }
    }

    const REFUSED = { code: '42501' };
    const insert = (client: pg.Client, table: string): Promise<unknown> =>
      client.query(`insert into ${table} select * from jsonb_populate_record(null::${table}, $1)`, [
        rows.get(table),
      ]);

    it('should have the tables that are known to hold tenants', () => {
      expect(tables).toEqual(
        expect.arrayContaining([
          'api_keys',
          'feature_dropped_views',
          'feature_entities',
          'feature_files',
          'feature_online_ids',
          'feature_pushed_rows',
          'feature_runs',
          'feature_services',
          'feature_views',
          'idempotency_keys',
          'jobs',
          'job_events',
          'models',
          'model_versions',
          'prediction_counts',
          'prediction_log',
          'outbox',
          'outbox_sequences',
          'prediction_log_settings',
          'schedules',
          'stage_changes',
          'stored_bytes',
          'stored_items',
          'tenant_usage',
          'tuning_trials',
          'webhook_deliveries',
          'webhooks',
        ]),
      );
    });

    it.each([undefined, '', 'globex', '%', 'ACME-CORP', "acme-corp' or true --"])(
      'should see and write no row of acme-corp as the tenant %j',
      async (tenant) => {
        for (const table of tables) {
          const seen = await asApp(tenant, (client) =>
            client.query(`select from ${table} where tenant_id = 'acme-corp'`),
          );
          expect([table, seen.rowCount]).toEqual([table, 0]);
          await expect(asApp(tenant, (client) => insert(client, table))).rejects.toMatchObject(REFUSED);
        }
      },
    );

    it.each([undefined, ''])('should see no row at all where the tenant is %j', async (tenant) => {
      for (const table of tables) {
        const seen = await asApp(tenant, (client) => client.query(`select from ${table}`));
        expect([table, seen.rowCount]).toEqual([table, 0]);
      }
    });

    it('should see its own rows', async () => {
      for (const table of tables) {
        const seen = await asApp('acme-corp', (client) => client.query(`select tenant_id from ${table}`));
        expect(seen.rowCount).toBeGreaterThan(0);
        expect(new Set(seen.rows.map((row) => row.tenant_id))).toEqual(new Set(['acme-corp']));
      }
    });

    it('should not update or delete rows of another tenant', async () => {
      for (const table of tables) {
        for (const sql of [`update ${table} set tenant_id = tenant_id`, `delete from ${table}`]) {
          const touched = await asApp('globex', (client) =>
            client.query(`${sql} where tenant_id = 'acme-corp'`),
          ).catch((error: { code: string }) => error);
          if ('rowCount' in touched) expect(touched.rowCount).toBe(0);
          else expect(touched).toMatchObject(REFUSED);
        }
      }
    });

    it('should not give rows of its own to another tenant', async () => {
      for (const table of tables) {
        const move = `update ${table} set tenant_id = 'globex'`;
        await expect(asApp('acme-corp', (client) => client.query(move))).rejects.toMatchObject(REFUSED);
      }
    });

    it('should not put a version or a move under a model of another tenant', async () => {
      for (const table of ['model_versions', 'stage_changes']) {
        const row = { ...rows.get(table), id: randomUUID(), tenant_id: 'globex', job_id: null };
        const sql = `insert into ${table} select * from jsonb_populate_record(null::${table}, $1)`;
        await expect(asApp('globex', (client) => client.query(sql, [row]))).rejects.toMatchObject({
          code: '23503',
        });
      }
    });

    it('should be held by row-level security that is forced on every table', async () => {
      const held = await database.query<{ name: string }>(
        `select relname as name from pg_class where relrowsecurity and relforcerowsecurity
         and relnamespace = 'public'::regnamespace order by 1`,
      );
      expect(held.map(({ name }) => name)).toEqual(expect.arrayContaining(tables));
      const open = await database.query(
        `select relname from pg_class where relispartition and relkind = 'r'
           and not (relrowsecurity and relforcerowsecurity)`,
      );
      expect(open).toEqual([]);
      const partitions = await database.query(
        `select grantee from information_schema.role_table_grants g join pg_class c on c.relname = g.table_name
         where c.relispartition and g.grantee like 'modelplane\\_%' and g.grantee <> 'modelplane_owner'`,
      );
      expect(partitions).toEqual([]);
    });

    it('should be in every key by which a row is referenced', async () => {
      const withoutKey = await database.query(
        `select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'id'
         where c.relname = any($1) and not exists (
           select from pg_constraint k where k.conrelid = c.oid and k.contype = 'u'
             and (select array_agg(attname::text order by attname) from pg_attribute
                  where attrelid = c.oid and attnum = any(k.conkey)) = '{id,tenant_id}')`,
        [tables],
      );
      expect(withoutKey).toEqual([]);
      const withoutTenant = await database.query(
        `select k.conname from pg_constraint k
         where k.contype = 'f' and k.conrelid::regclass::text = any($1) and not exists (
           select from unnest(k.conkey, k.confkey) as pair (mine, theirs)
           join pg_attribute a on a.attrelid = k.conrelid and a.attnum = pair.mine and a.attname = 'tenant_id'
           join pg_attribute b on b.attrelid = k.confrelid and b.attnum = pair.theirs and b.attname = 'tenant_id')`,
        [tables],
      );
      expect(withoutTenant).toEqual([]);
    });

    it.each(['modelplane_app', 'modelplane_system'])(
      'should be out of reach of powers of the role %s',
      async (role) => {
        const [found] = await database.query(
          `select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
           (select count(*)::int from pg_class where relowner = r.oid) as owned,
           (select count(*)::int from pg_roles o where o.oid <> r.oid and pg_has_role(r.oid, o.oid, 'member')
              and o.rolname not like 'pg\\_%') as memberships
         from pg_roles r where rolname = $1`,
          [role],
        );
        expect(found).toEqual({
          rolsuper: false,
          rolbypassrls: false,
          rolcreaterole: false,
          rolcreatedb: false,
          rolreplication: false,
          owned: 0,
          memberships: 0,
        });
      },
    );

    it('should be seen by the role without a tenant only as far as claims and the catalogue need', async () => {
      const asSystem = (sql: string) => asApp(undefined, (client) => client.query(sql), database.systemUrl);
      expect((await asSystem('select id, tenant_id from jobs')).rowCount).toBeGreaterThan(0);
      for (const sql of [
        'select spec from jobs',
        'select submitted_by from jobs',
        'select name from models',
        "insert into changes (tenant_id, kind, key, revision, changed_at) values ('x', 'x', 'x', 1, now())",
        'update changes set revision = 0',
        'update catalog_revision set revision = 0',
        'select id from model_versions',
        'select data from job_events',
        'select name from api_keys',
        'select created_by from api_keys',
        'update api_keys set revoked_at = null',
        'delete from api_keys',
        'select reason from stage_changes',
        'select request_id from prediction_log',
        'delete from prediction_log',
        'delete from prediction_counts',
        `update prediction_counts set tenant_id = 'globex'`,
        'update prediction_log_settings set sample_rate = 0',
        'drop table prediction_log',
        `insert into jobs (id, tenant_id, kind, spec, submitted_by, engine) values ('x', 'x', 'x', '{}', 'x', 'x')`,
        'delete from jobs',
        'update models set revision = 0',
        `update jobs set tenant_id = 'globex'`,
        'select request from schedules',
        'select created_by from schedules',
        'update schedules set next_run_at = now()',
        'select data from outbox',
        'select tenant_id from outbox',
        `insert into outbox (id, tenant_id, type, data) values (gen_random_uuid(), 'x', 'x', '{}')`,
        'delete from feature_dropped_views',
        'select name from feature_views',
        'select entity_key from feature_pushed_rows',
        'update outbox_sequences set last = 0',
        'select url from webhooks',
        'select secret from webhooks',
        'update webhooks set position = 0',
        'select body from webhook_deliveries',
        `update webhook_deliveries set state = 'dead'`,
      ]) {
        await expect(asSystem(sql)).rejects.toMatchObject(REFUSED);
      }
    });

    it('should be partitioned and deleted by that role only within bounds, and by no other', async () => {
      for (const sql of [
        `select make_prediction_log_partitions('1900-01-01', '1900-01-02')`,
        `select make_prediction_log_partitions(current_date, current_date + 32)`,
        `select make_prediction_log_partitions(current_date - 63, current_date)`,
        'select prune_prediction_log(0)',
        `select delete_ended_jobs('prediction', 0)`,
        `select delete_ended_jobs('prediction', null)`,
        `select delete_ended_jobs(null, 60)`,
        `select delete_ended_jobs('prediction', 400000000)`,
      ]) {
        const asSystem = asApp(undefined, (client) => client.query(sql), database.systemUrl);
        await expect(asSystem).rejects.toMatchObject({ code: '22023' });
        await expect(asApp('acme-corp', (client) => client.query(sql))).rejects.toMatchObject(REFUSED);
      }
    });
  });
});

describe('a service', () => {
  const admin = ({ appUrl }: TestDatabase): string => {
    const url = new URL(required('MODELPLANE_TEST_ADMIN_URL'));
    url.pathname = new URL(appUrl).pathname;
    return url.href;
  };

  it.each<[string, string, (database: TestDatabase) => string]>([
    ['the owner of the tables', 'DATABASE_URL', ({ ownerUrl }) => ownerUrl],
    ['a superuser', 'DATABASE_URL', admin],
    ['the owner of the tables', 'MODELPLANE_DATABASE_SYSTEM_URL', ({ ownerUrl }) => ownerUrl],
    ['a superuser', 'MODELPLANE_DATABASE_SYSTEM_URL', admin],
  ])('should not start as %s in %s', async (_, variable, urlOf) => {
    const start = Service.start({ env: (database) => ({ [variable]: urlOf(database) }) });
    await expect(start).rejects.toThrow(/must not be a superuser, have BYPASSRLS or own tables/);
  });
});

/** One of everything that acme-corp can have. */
async function populate({ database }: Service, acme: Client): Promise<Names> {
  const names: Names = {
    model: '',
    modelName: 'acme_model',
    job: 'train-019c1a7c-0b3e-7c41-9d2e-000000000001',
    request: `req-${uuidv7()}`,
    prediction: 'pred-019c1a7c-0b3e-7c41-9d2e-000000000001',
    exported: 'export-019c1a7c-0b3e-7c41-9d2e-000000000001',
    batch: 'batch-019c1a7c-0b3e-7c41-9d2e-000000000001',
    calibration: 'calib-019c1a7c-0b3e-7c41-9d2e-000000000001',
    ensembleFit: 'fit-019c1a7c-0b3e-7c41-9d2e-000000000001',
    study: 'tune-019c1a7c-0b3e-7c41-9d2e-000000000001',
    materialization: 'mat-019c1a7c-0b3e-7c41-9d2e-000000000001',
    historical: 'hist-019c1a7c-0b3e-7c41-9d2e-000000000001',
    erasure: 'erase-019c1a7c-0b3e-7c41-9d2e-000000000001',
    skew: 'skew-019c1a7c-0b3e-7c41-9d2e-000000000001',
    schedule: '',
    apiKey: '',
    featureEntity: 'secret_entity',
    featureView: 'secret_view',
    featureService: 'secret_service',
    webhook: uuidv7(),
    delivery: uuidv7(),
    object: 'secret.csv',
  };
  const model = { name: names.modelName, model_type: 'classification', framework: 'sklearn' };
  const key = { 'idempotency-key': 'populate' };
  names.model = (await acme.post('/api/v1/models', model, key)).body.model_id;
  names.apiKey = (await acme.post('/api/v1/api-keys', { name: 'secret', roles: ['admin'] })).body.key_id;
  await fillVersion(database, names.model, '1.0.0', 'staging');
  const move = { version: '1.0.0', target_stage: 'production' };
  await acme.put(`/api/v1/models/${names.model}/stage`, move);
  await database.query(
    `insert into jobs (id, tenant_id, kind, status, spec, submitted_by, engine, attempt, lease_until)
     values ($1, 'acme-corp', 'training', 'running', $2, 'ana', 'local', 1, now() + interval '1 hour')`,
    [names.job, { model_name: names.modelName, framework: 'sklearn', estimator: 'random_forest' }],
  );
  const spec = { request_id: names.request, model_id: names.model, version: '1.0.0', request: '{}' };
  await database.query(
    `insert into jobs (id, tenant_id, kind, status, spec, result, submitted_by, engine, attempt, ended_at)
     values ($1, 'acme-corp', 'prediction', 'succeeded', $2, $3, 'ana', 'local', 1, now())`,
    [names.prediction, spec, { answer: '{"prediction": ["secret"]}' }],
  );
  const output = { model_id: names.model, output_path: 's3://data/log.jsonl', to: '2026-02-12T10:00:00Z' };
  await database.query(
    `insert into jobs (id, tenant_id, kind, spec, submitted_by, engine)
     values ($1, 'acme-corp', 'prediction-export', $2, 'ana', 'local')`,
    [names.exported, output],
  );
  await database.query(
    `insert into jobs (id, tenant_id, kind, status, spec, submitted_by, engine, attempt, lease_until)
     values ($1, 'acme-corp', 'batch', 'running', $2, 'ana', 'local', 1, now() + interval '1 hour')`,
    [
      names.batch,
      {
        model_id: names.model,
        version: '1.0.0',
        input_path: `s3://data/${names.object}`,
        output_path: 's3://predictions/secret/',
        estimated_completion: '2026-02-12T11:00:00.000Z',
      },
    ],
  );
  await database.query(
    `insert into jobs (id, tenant_id, kind, spec, submitted_by, engine)
     values ($1, 'acme-corp', 'calibration', $2, 'ana', 'local')`,
    [
      names.calibration,
      {
        model_id: names.model,
        version: '1.0.0',
        validation_path: 's3://data/secret.csv',
        target_column: 'churned',
      },
    ],
  );
  await database.query(
    `insert into jobs (id, tenant_id, kind, spec, submitted_by, engine)
     values ($1, 'acme-corp', 'ensemble-fit', $2, 'ana', 'local')`,
    [
      names.ensembleFit,
      {
        model_id: names.model,
        version: '1.0.0',
        validation_path: 's3://data/secret.csv',
        target_column: 'churned',
        rounds: 50,
      },
    ],
  );
  await database.query(
    `insert into jobs (id, tenant_id, kind, status, spec, submitted_by, engine, attempt, lease_until)
     values ($1, 'acme-corp', 'tuning', 'running', $2, 'ana', 'local', 1, now() + interval '1 hour')`,
    [
      names.study,
      {
        ...{ model_name: names.modelName, framework: 'sklearn', estimator: 'gradient_boosting' },
        ...{ algorithm: 'random', num_trials: 50 },
        objectives: [{ metric: 'val_accuracy', mode: 'max' }],
      },
    ],
  );
  await database.query(
    `insert into tuning_trials (tenant_id, job_id, number, state, origin, parameters, metrics, steps, started_at, tries)
     values ('acme-corp', $1, 0, 'running', 'suggested', '{"max_depth": 3}', '{}', '[]', now(), 1)`,
    [names.study],
  );
  await acme.put(`/api/v1/models/${names.model}/versions/1.0.0/threshold`, { value: 0.25 });
  await database.query(
    `insert into job_events (tenant_id, job_id, attempt, seq, type, data)
     select 'acme-corp', id, 1, 1, 'log', '{"level": "info", "message": "a secret"}' from unnest($1::text[]) as id`,
    [[names.job, names.batch, names.calibration, names.ensembleFit, names.study]],
  );
  const request = {
    model_id: names.model,
    input_path: `s3://data/${names.object}`,
    output_path: 's3://predictions/later/',
  };
  // What is counted in memory is written before it is read.
  expect((await acme.get('/api/v1/usage')).status).toBe(200);
  names.schedule = (await acme.post('/api/v1/schedules', { ...SCHEDULE, request })).body.schedule_id;
  await defineFeatures(acme, database, names);
  await database.query(
    `insert into webhooks (id, tenant_id, url, events, enabled, secret, position, created_by)
     values ($1, 'acme-corp', 'https://secret.example/', '{*}', true, 'secret', 0, 'ana')`,
    [names.webhook],
  );
  await database.query(
    `insert into webhook_deliveries (id, tenant_id, webhook_id, event_id, sequence, type, body, state, ended_at)
     values ($1, 'acme-corp', $2, gen_random_uuid(), 1, 'model.deleted', '{"secret": 1}', 'dead', now())`,
    [names.delivery, names.webhook],
  );
  await acme.put(`/api/v1/models/${names.model}/prediction-log`, { sample_rate: 1 });
  await database.query('select make_prediction_log_partitions(current_date - 1, current_date + 1)');
  await database.query(
    `insert into prediction_log (request_id, tenant_id, model_id, version, row_count, latency_ms, features, output)
     values ($1, 'acme-corp', $2, '1.0.0', 1, 0.5, '{"total_orders": 1}', '{"prediction": [1]}')`,
    [names.request.slice('req-'.length), names.model],
  );
  await database.query(
    `insert into prediction_counts (tenant_id, model_id, window_start, version, code, requests, row_count)
     values ('acme-corp', $1, date_trunc('minute', now()), '1.0.0', 'OK', 7, 7)`,
    [names.model],
  );
  for (const folder of ['data', 'predictions', 'tenants/acme-corp']) {
    expect((await acme.put(`/api/v1/objects/${folder}/${names.object}`, 'secret')).status).toBe(200);
  }
  return names;
}

/** Definitions of features, with what runs and pushes leave behind. */
async function defineFeatures(acme: Client, database: TestDatabase, names: Names): Promise<void> {
  const { featureEntity, featureView, featureService } = names;
  const definitions: [string, object][] = [
    [`entities/${featureEntity}`, { keys: [{ name: 'customer_id', type: 'string' }] }],
    [`views/${featureView}`, { ...FEATURE_VIEW, entities: [featureEntity] }],
    [`services/${featureService}`, { features: [`${featureView}:total_orders`] }],
  ];
  for (const [path, body] of definitions)
    expect([path, (await acme.put(`/api/v1/features/${path}`, body)).status]).toEqual([path, 201]);
  const view = { feature_views: [`${featureView}@v1`], incremental: true, start: null, end: null };
  const specs: [string, string, object][] = [
    [names.materialization, 'feature-materialization', view],
    [names.erasure, 'feature-erasure', { entity: featureEntity, key: { customer_id: 'x' }, id_column: null }],
    [
      names.historical,
      'feature-historical',
      { name: 'secret', output_path: 's3://tenants/acme-corp/secret/' },
    ],
    [names.skew, 'feature-skew', { model_id: names.model, version: '1.0.0', from: 'then', to: 'now' }],
  ];
  for (const [id, kind, spec] of specs)
    await database.query(
      `insert into jobs (id, tenant_id, kind, spec, submitted_by, engine)
       values ($1, 'acme-corp', $2, $3, 'ana', 'local')`,
      [id, kind, spec],
    );
  await database.query(
    `insert into feature_runs (tenant_id, view, version, job_id, interval_end, counts, violations, statistics)
     values ('acme-corp', $1, 1, $2, now(), '{}', '[]', '{}')`,
    [featureView, names.materialization],
  );
  await database.query(`insert into feature_dropped_views (tenant_id, online_id) values ('acme-corp', 999)`);
  await database.query(
    `insert into feature_pushed_rows (tenant_id, view, version, entity_key, event_us, created_us, "values")
     values ('acme-corp', $1, 1, 'cust-123', 1, 1, '{}')`,
    [featureView],
  );
  await database.query(
    `insert into feature_files (id, tenant_id, kind, uri, format, view, version, entities, key_columns, job_id, rows, size_bytes, sha256)
     values ($1, 'acme-corp', 'pushed', 's3://modelplane/acme-corp/features/secret.jsonl', 'json_lines', $2, 1, '[]', '[]', $3, 1, 1, $4)`,
    [randomUUID(), featureView, names.materialization, 'ab'.repeat(32)],
  );
}

/** All that acme-corp sees of its own things. */
async function view(
  acme: Client,
  {
    model,
    job,
    request,
    prediction,
    exported,
    batch,
    calibration,
    ensembleFit,
    study,
    schedule,
    apiKey,
    featureEntity,
    featureView,
    featureService,
    materialization,
    historical,
    erasure,
    skew,
    webhook,
    object,
  }: Names,
): Promise<unknown[]> {
  const paths = [
    `/api/v1/models/${model}`,
    `/api/v1/models/${model}/versions/1.0.0`,
    `/api/v1/models/${model}/versions/1.0.0/threshold`,
    `/api/v1/models/${model}/history`,
    `/api/v1/models/${model}/predictions`,
    `/api/v1/models/${model}/prediction-counts`,
    `/api/v1/models/${model}/prediction-log`,
    `/api/v1/predictions/${request}`,
    `/api/v1/predictions/async/${prediction}`,
    `/api/v1/predictions/exports/${exported}`,
    `/api/v1/training/${job}`,
    `/api/v1/training/${job}/logs`,
    `/api/v1/predictions/batch/${batch}`,
    `/api/v1/predictions/batch/${batch}/logs`,
    `/api/v1/calibrations/${calibration}`,
    `/api/v1/ensemble-fits/${ensembleFit}`,
    `/api/v1/tuning/${study}`,
    `/api/v1/tuning/${study}/trials`,
    `/api/v1/schedules/${schedule}`,
    `/api/v1/features/entities/${featureEntity}`,
    `/api/v1/features/views/${featureView}`,
    `/api/v1/features/views/${featureView}/statistics`,
    `/api/v1/features/services/${featureService}`,
    `/api/v1/features/materialize/${materialization}`,
    `/api/v1/features/historical/${historical}`,
    `/api/v1/features/erasures/${erasure}`,
    `/api/v1/features/skew/${skew}`,
    '/api/v1/events',
    `/api/v1/api-keys/${apiKey}`,
    `/api/v1/webhooks/${webhook}`,
    `/api/v1/webhooks/${webhook}/deliveries`,
    ...['data', 'predictions', 'tenants/acme-corp'].map((folder) => `/api/v1/objects/${folder}/${object}`),
  ];
  const answers: Answer[] = [];
  // One after the other: all at once would wait for connections of the database, on a busy machine for too long.
  for (const path of paths) answers.push(await acme.get(path));
  expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 200));
  // How long a running job has run is the one thing that changes by itself.
  return answers.map(({ body }) => ({ body: body.resources ? { ...body, resources: null } : body }));
}

/** An answer without what differs from request to request: its id, the job it made, and the names that were asked for. */
function comparable({ status, headers, body }: Answer, names: Names): object {
  const text = Object.entries(names).reduce(
    (found, [what, name]) => found.replaceAll(name, `<${what}>`),
    JSON.stringify(body),
  );
  return {
    refused: status >= 400,
    status,
    type: headers.get('content-type'),
    authenticate: headers.get('www-authenticate'),
    text: text.replace(/"request_id":"[^"]+"/, '').replace(/"job_id":"[^"]+"/, ''),
  };
}
