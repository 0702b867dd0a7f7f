import type { Client } from './support/client.js';
import type { Service } from './support/service.js';
import { startWithModels, type TrainedModels } from './support/trained-models.js';

const TABLE = { validation_path: 's3://data/train.parquet', target_column: 'churned' };
const MARKDOWN = { accept: 'text/markdown' };

describe('the card of an ensemble', () => {
  let service: Service;
  let acme: Client;
  let models: TrainedModels;

  beforeAll(async () => {
    ({ service, models } = await startWithModels({ role: 'all' }));
    acme = await service.as('acme-corp');
  });
  afterAll(() => service?.stop());

  const cardOf = (id: string, version: string, headers?: Record<string, string>) =>
    acme.get(`/api/v1/models/${id}/versions/${version}/card`, headers);

  it('should tell what is in it, how it was learned, how sure it is, and what to keep in mind', async () => {
    const { body: made } = await acme.post('/api/v1/ensembles', {
      name: 'carded ensemble',
      method: 'voting_soft',
      models: [{ model_id: models.churn }, { model_id: models.churnOfForest, version: '1.0.0' }],
    });
    const id = made.ensemble_id;
    const given = await cardOf(id, '1.0.0');
    expect(given).toMatchObject({
      status: 200,
      body: {
        model_id: id,
        model_name: 'carded ensemble',
        version: '1.0.0',
        stage: 'development',
        card_version: 1,
        model: {
          framework: 'ensemble',
          method: 'voting_soft',
          strategy: 'all',
          model_type: 'classification',
        },
        target: { name: 'churned', labels: [0, 1] },
        members: [
          {
            model_id: models.churn,
            model_name: 'churn',
            version: null,
            answering_version: '1.0.0',
            weight: 1,
          },
          { model_name: 'churnOfForest', version: '1.0.0', answering_version: '1.0.0', weight: 1 },
        ],
        evaluation: null,
        certainty: { calibration: null, threshold: null },
        importance: null,
        metrics: {},
        limits: expect.arrayContaining([
          expect.stringMatching(/^1 of the 2 members follow their models/),
          expect.stringMatching(/was given and not learned/),
          expect.stringMatching(/no calibration/),
        ]),
      },
    });
    expect(given.body.data.features).toContainEqual({ name: 'total_orders', type: 'integer' });

    const fit = await acme.post(`/api/v1/ensembles/${id}/fit`, { method: 'greedy', data_config: TABLE });
    const fitted = await acme.waitForJob(`/api/v1/ensemble-fits/${fit.body.job_id}`);
    expect(fitted.body).toMatchObject({ status: 'succeeded', result: { version: '1.1.0' } });
    const path = `/api/v1/models/${id}/versions/1.1.0`;
    const calibrating = await acme.post(`${path}/calibration`, { data_config: TABLE });
    await acme.waitForJob(`/api/v1/calibrations/${calibrating.body.job_id}`);
    expect((await acme.put(`${path}/threshold`, { value: 0.3 })).status).toBe(200);
    const learned = await cardOf(id, '1.1.0');
    const board = (await acme.get(`/api/v1/ensembles/${id}/leaderboard`)).body;
    expect(learned.body).toMatchObject({
      evaluation: board,
      certainty: { calibration: { rows: 600 }, threshold: 0.3 },
      metrics: { fit_log_loss: board.loss },
      lineage: { job_id: fit.body.job_id },
      warnings: expect.arrayContaining(board.warnings),
      limits: expect.arrayContaining([expect.stringMatching(/rows by which it was learned/)]),
    });

    const page = await cardOf(id, '1.1.0', MARKDOWN);
    expect(page.headers.get('content-type')).toBe('text/markdown; charset=utf-8');
    expect(page.body).toMatch(
      /^# carded ensemble 1\.1\.0\n[\s\S]*## Members\n\n\| model \| follows \|[\s\S]*\| churn \| the model \| 1\.0\.0 \|[\s\S]*## Evaluation\n\nBy 600 rows of `s3:\/\/data\/train\.parquet`[\s\S]*## Certainty\n\nCalibrated\. Threshold: 0\.3\.[\s\S]*## Limits\n\n- 1 of the 2/,
    );
    expect((await cardOf(id, '1.0.0', MARKDOWN)).body).toMatch(/was given, and not learned by a table/);
  });

  it('should change with what answers, and be of the tenant alone', async () => {
    const { body: made } = await acme.post('/api/v1/ensembles', {
      name: 'followed',
      method: 'voting_soft',
      models: [{ model_id: models.churn }, { model_id: models.churnOfForest }],
    });
    const id = made.ensemble_id;
    const etag = (await cardOf(id, '1.0.0')).headers.get('etag')!;
    expect((await cardOf(id, '1.0.0', { 'if-none-match': etag })).status).toBe(304);
    for (const target_stage of ['staging', 'production', 'archived'])
      await acme.put(`/api/v1/models/${models.churn}/stage`, { version: '1.0.0', target_stage });
    const changed = await cardOf(id, '1.0.0', { 'if-none-match': etag });
    expect(changed).toMatchObject({
      status: 200,
      body: {
        members: [{ answering_version: null }, { answering_version: '1.0.0' }],
        warnings: [expect.stringMatching(/^model 0 does not answer/)],
      },
    });
    expect((await cardOf(id, '9.0.0')).status).toBe(404);
    const globex = await service.as('globex-inc');
    const foreign = await globex.get(`/api/v1/models/${id}/versions/1.0.0/card`);
    expect(foreign.body.code).toBe('MODEL_NOT_FOUND');
  });
});
