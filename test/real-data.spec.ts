import { createReadStream, existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Client } from './support/client.js';
import { Service } from './support/service.js';

/** Public data sets that the project does not contain; `MODELPLANE_TEST_DATA` says where they are. */
const DATA = resolve(process.env.MODELPLANE_TEST_DATA ?? resolve(__dirname, '../../shared/data'));
const whereThere = existsSync(DATA) ? describe : describe.skip;

whereThere('real data, from the file to the prediction', () => {
  let service: Service;
  let acme: Client;

  beforeAll(async () => {
    service = await Service.start({ role: 'all' });
    acme = await service.as('acme-corp', 'scientist');
  });
  afterAll(() => service.stop());

  it.each([
    {
      name: 'churn',
      file: 'churn/telco.csv',
      target: 'Churn',
      auc: 0.83,
      labels: ['No', 'Yes'],
      features: {
        gender: 'Female',
        SeniorCitizen: 0,
        Partner: 'Yes',
        Dependents: 'No',
        tenure: 1,
        PhoneService: 'No',
        MultipleLines: 'No phone service',
        InternetService: 'DSL',
        OnlineSecurity: 'No',
        OnlineBackup: 'Yes',
        DeviceProtection: 'No',
        TechSupport: 'No',
        StreamingTV: 'No',
        StreamingMovies: 'No',
        Contract: 'Month-to-month',
        PaperlessBilling: 'Yes',
        PaymentMethod: 'Electronic check',
        MonthlyCharges: 29.85,
        TotalCharges: null,
      },
    },
    {
      name: 'adult',
      file: 'adult/adult.csv',
      target: 'Y',
      auc: 0.92,
      labels: ['<=50K', '>50K'],
      features: null,
    },
  ])('$name', async ({ name, file, target, auc, labels, features }) => {
    const upload = await fetch(`${service.url}/api/v1/objects/data/${name}.csv`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${acme.token}` },
      body: createReadStream(resolve(DATA, file)) as never,
      duplex: 'half',
    } as RequestInit);
    expect(upload.status).toBe(200);

    const data_config = { train_path: `s3://data/${name}.csv`, target_column: target };
    const training_config = { early_stopping: true, patience: 10 };
    const { job_id } = (
      await acme.post('/api/v1/training', {
        model_name: name,
        framework: 'sklearn',
        data_config,
        training_config,
      })
    ).body;
    const { body: job } = await acme.waitForJob(`/api/v1/training/${job_id}`, 90_000);
    expect(job).toMatchObject({ status: 'succeeded', result: { version: '1.0.0' } });
    expect(job.metrics.val_roc_auc).toBeGreaterThanOrEqual(auc);

    const { model_id } = job.result;
    const { signature } = (await acme.get(`/api/v1/models/${model_id}/versions/1.0.0`)).body;
    expect(signature.output.labels).toEqual(labels);
    const row =
      features ?? Object.fromEntries(signature.inputs.map((input: { name: string }) => [input.name, null]));
    const { status, body } = await acme.post('/api/v1/predictions', { model_id, features: row });
    expect({ status, warnings: body.warnings }).toEqual({ status: 200, warnings: undefined });
    expect(labels).toContain(body.prediction[0]);
  });
});
