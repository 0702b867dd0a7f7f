import { jsonLines, type Output, parseLines, readOutput, type Row, rowsOf } from './batches.js';
import type { Client } from './client.js';
import { makeData } from './data.js';
import type { Service } from './service.js';
import { startWithModels } from './trained-models.js';

export const BATCH = '/api/v1/predictions/batch';

export const CUSTOMERS: readonly Row[] = [
  { total_orders: 15, days_since_last_order: 45, avg_order_value: 125.5, support_tickets: 3 },
  { total_orders: 2, days_since_last_order: 300, avg_order_value: 19.9, support_tickets: 9 },
];

/** A service with two models and data to score, and how the specs of batches use it. */
export class BatchScene {
  private outputs = 0;

  private constructor(
    readonly service: Service,
    readonly acme: Client,
    /** Model of four whole and other numbers. */
    readonly churn: string,
    /** Model of features of every type. */
    readonly subscriptions: string,
    /** Rows for it that it was not trained on. */
    readonly subscribers: readonly Row[],
  ) {}

  static async start(env: Record<string, string> = {}): Promise<BatchScene> {
    const { service, models } = await startWithModels({ role: 'all', env });
    const acme = await service.as('acme-corp', 'scientist');
    const files = await makeData('val.parquet', 'holdout.jsonl');
    for (const [name, content] of Object.entries(files)) await put(acme, name, content);
    await put(acme, 'customers_to_score.parquet', files['val.parquet']!);
    await put(acme, 'two.jsonl', jsonLines(CUSTOMERS.map((row, id) => ({ id, ...row }))));
    const rows = parseLines(files['holdout.jsonl']).map(({ churn: _, ...row }) => row);
    return new BatchScene(service, acme, models.churnOfForest, models.subscribers, rows);
  }

  async stop(): Promise<void> {
    await this.service.stop();
  }

  put(name: string, content: string | Buffer): Promise<void> {
    return put(this.acme, name, content);
  }

  train(model_name: string, file: string, target_column: string, hyperparameters: object): Promise<string> {
    return train(this.acme, model_name, file, target_column, hyperparameters);
  }

  /** Submits a batch to a folder of its own, waits for its end. */
  async run(request: object): Promise<{ folder: string; job: Row }> {
    const folder = `predictions/run-${++this.outputs}`;
    const { status, body } = await this.acme.post(BATCH, { output_path: `s3://${folder}/`, ...request });
    expect({ status, body }).toMatchObject({ status: 202 });
    const job = (await this.acme.waitForJob(`${BATCH}/${body.job_id}`)).body;
    return { folder, job };
  }

  async score(request: object): Promise<Output & { job: Row; folder: string }> {
    const { folder, job } = await this.run(request);
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    return { ...(await readOutput(this.acme, folder)), job, folder };
  }

  single(model_id: string, features: unknown) {
    const options = { return_probabilities: true };
    return this.acme.post('/api/v1/predictions', { model_id, features, options });
  }

  /** Each row has the answer, or the words of refusal, of a single prediction. */
  async expectEqual({ files, errors }: Output, model: string, rows: readonly Row[]): Promise<void> {
    const found = await rowsOf({ files });
    const refused = new Map(errors.map(({ row, reason }) => [row as number, String(reason)]));
    let at = 0;
    for (const [number, row] of rows.entries()) {
      const answer = await this.single(model, row);
      if (answer.status === 422) {
        const messages = answer.body.errors.map(({ message }: { message: string }) => message);
        expect(refused.get(number)).toBe(messages.join('; '));
        continue;
      }
      expect({ number, refused: refused.get(number) }).toEqual({ number, refused: undefined });
      const { prediction, probabilities, classes } = answer.body;
      const scored = found[at++]!;
      expect({ number, prediction: scored.prediction }).toEqual({ number, prediction: prediction[0] });
      for (const [place, label] of (classes ?? []).entries()) {
        // A linear model sums in another order when it is given other rows beside.
        expect(scored[`probability_${label}`]).toBeCloseTo(probabilities[0][place], 6);
      }
    }
    expect(at).toBe(found.length);
  }
}

async function put(acme: Client, name: string, content: string | Buffer): Promise<void> {
  expect((await acme.put(`/api/v1/objects/data/${name}`, content)).status).toBe(200);
}

async function train(
  acme: Client,
  model_name: string,
  file: string,
  target_column: string,
  hyperparameters: object,
): Promise<string> {
  const data_config = { train_path: `s3://data/${file}`, target_column };
  const request = { model_name, framework: 'sklearn', data_config, hyperparameters };
  const { job_id } = (await acme.post('/api/v1/training', request)).body;
  const { body } = await acme.waitForJob(`/api/v1/training/${job_id}`);
  expect(body).toMatchObject({ status: 'succeeded' });
  return body.result.model_id as string;
}
