import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Answer, Client } from './support/client.js';
import type { Service } from './support/service.js';
import { startWithModels, type TrainedModels } from './support/trained-models.js';
import { registerModel, upload } from './support/uploads.js';

type Row = Record<string, number | string | boolean | null>;

/** Rows of customers, spread over all that the models were trained on. */
const CUSTOMERS: Row[] = Array.from({ length: 200 }, (_, at) => ({
  total_orders: (at * 7) % 60,
  days_since_last_order: (at * 37) % 365,
  avg_order_value: ((at * 131) % 4000) / 10 + 0.01,
  support_tickets: (at * 5) % 12,
}));

const SUBSCRIBERS: Row[] = Array.from({ length: 60 }, (_, at) => ({
  'tenure months': (at * 11) % 72,
  monthly_charges: at % 9 === 0 ? null : 20 + ((at * 17) % 90),
  contract: ['month-to-month', 'one year', 'two years', null, 'for life'][at % 5]!,
  zahlungsart: ['Überweisung', 'Kreditkarte', '電子マネー'][at % 3]!,
  paperless: at % 2 === 0,
}));

describe('the export of an ensemble', () => {
  let service: Service;
  let acme: Client;
  let models: TrainedModels;
  let made = 0;

  beforeAll(async () => {
    ({ service, models } = await startWithModels());
    acme = await service.as('acme-corp');
  });
  afterAll(() => service?.stop());

  const members = () => [
    { model_id: models.churn, weight: 0.4 },
    { model_id: models.churnOfForest, weight: 0.35 },
    { model_id: models.churnWithoutTickets, weight: 0.25 },
  ];

  async function ensembleOf(more: object): Promise<string> {
    const request = { name: `exported ${++made}`, method: 'voting_soft', models: members(), ...more };
    const { status, body } = await acme.post('/api/v1/ensembles', request);
    expect({ status, body }).toMatchObject({ status: 201 });
    return body.ensemble_id;
  }

  const pathOf = (id: string, version = '1.0.0') => `/api/v1/models/${id}/versions/${version}/artifact`;

  async function download(id: string, headers: Record<string, string> = {}) {
    const response = await fetch(acme.url + pathOf(id), {
      headers: { authorization: `Bearer ${acme.token}`, ...headers },
    });
    return { response, bytes: Buffer.from(await response.arrayBuffer()) };
  }

  async function exported(id: string): Promise<Buffer> {
    const { response, bytes } = await download(id);
    expect(response.status).toBe(200);
    expect(response.headers.get('etag')).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`);
    return bytes;
  }

  const predict = async (model_id: string, features: Row[]): Promise<Answer['body']> => {
    const options = { return_probabilities: true };
    const { status, body } = await acme.post('/api/v1/predictions', { model_id, features, options });
    expect({ status, body }).toMatchObject({ status: 200 });
    return body;
  };

  const signatureOf = async (id: string) =>
    (await acme.get(`/api/v1/models/${id}/versions/1.0.0`)).body.signature;

  /** What the file answers, fed as the signature of the ensemble says. */
  async function run(bytes: Buffer, id: string, rows: Row[]): Promise<Record<string, Tensor>> {
    const session = await InferenceSession.create(bytes);
    const types = new Map(session.inputMetadata.map((each) => [each.name, 'type' in each ? each.type : '']));
    const { inputs } = await signatureOf(id);
    const feeds = Object.fromEntries(
      inputs.map(({ name, tensor }: { name: string; tensor: string }) => {
        const values = rows.map((row) => row[name]);
        const shape = [rows.length, 1];
        const type = types.get(tensor);
        if (type === 'string')
          return [
            tensor,
            new Tensor(
              'string',
              values.map((value) => String(value ?? '')),
              shape,
            ),
          ];
        const numbers = values.map((value) => (value === null ? NaN : Number(value)));
        return type === 'float64'
          ? [tensor, new Tensor('float64', Float64Array.from(numbers), shape)]
          : [tensor, new Tensor('float32', Float32Array.from(numbers), shape)];
      }),
    );
    expect(new Set(types.keys())).toEqual(new Set(Object.keys(feeds)));
    try {
      return await session.run(feeds);
    } finally {
      await session.release();
    }
  }

  /** Compares the file with the service. */
  async function expectEqual(id: string, rows: Row[]): Promise<Buffer> {
    const bytes = await exported(id);
    const [outputs, answer] = [await run(bytes, id, rows), await predict(id, rows)];
    if (!answer.classes) {
      const values = outputs.value!.data as Float64Array;
      answer.prediction.forEach((value: number, row: number) => expect(values[row]).toBeCloseTo(value, 6));
      return bytes;
    }
    const labels = Array.from(outputs.label!.data as BigInt64Array, (at) => answer.classes[Number(at)]);
    expect(labels).toEqual(answer.prediction);
    expect(new Set(labels).size).toBe(2);
    const flat = outputs.probabilities!.data as Float64Array;
    answer.probabilities
      .flat()
      .forEach((value: number, at: number) => expect(flat[at]).toBeCloseTo(value, 6));
    return bytes;
  }

  it.each<[string, object]>([
    ['the mean of probabilities', {}],
    ['votes', { method: 'voting_hard' }],
    ['a cascade', { strategy: 'cascade', threshold: 0.8, min_models_required: 1 }],
  ])('should answer as the service does: %s', async (_, more) => {
    await expectEqual(await ensembleOf(more), CUSTOMERS);
  });

  it('should answer as the service does: values, and texts with missing ones', async () => {
    const twice = (model_id: string) => [
      { model_id, weight: 3 },
      { model_id, version: '1.0.0', weight: 1 },
    ];
    const average = await ensembleOf({ method: 'averaging', models: twice(models.recency) });
    const { inputs } = await signatureOf(average);
    const rows = CUSTOMERS.map((row, at) =>
      Object.fromEntries(inputs.map(({ name }: { name: string }) => [name, row[name] ?? at % 2])),
    );
    await expectEqual(average, rows);
    await expectEqual(await ensembleOf({ models: twice(models.subscribers) }), SUBSCRIBERS);
  });

  it('should answer as an ensemble of ensembles does, by its threshold', async () => {
    const inner = await ensembleOf({ method: 'voting_hard' });
    const id = await ensembleOf({
      models: [
        { model_id: inner, weight: 2 },
        { model_id: models.churn, weight: 1 },
      ],
    });
    const set = await acme.put(pathOf(id).replace('artifact', 'threshold'), { value: 0.2 });
    expect(set.status).toBe(200);
    expect(await predict(id, CUSTOMERS)).toMatchObject({ threshold: 0.2 });
    await expectEqual(id, CUSTOMERS);
  });

  it('should be taken back as an upload that answers the same', async () => {
    const id = await ensembleOf({});
    const bytes = await exported(id);
    const { inputs, output } = await signatureOf(id);
    const uploaded = await registerModel(acme, 'classification');
    const { status, body } = await upload(acme, uploaded, bytes, {
      features: inputs.map(({ name, tensor, nullable }: Row) => ({ name, tensor, nullable })),
      labels: output.labels,
      label_encoding: 'index',
    });
    expect({ status, body }).toMatchObject({ status: 201 });
    const [ours, theirs] = [await predict(id, CUSTOMERS), await predict(uploaded, CUSTOMERS)];
    expect(theirs.prediction).toEqual(ours.prediction);
    theirs.probabilities
      .flat()
      .forEach((value: number, at: number) => expect(value).toBeCloseTo(ours.probabilities.flat()[at], 9));
    const refused = await acme.get(
      pathOf(await ensembleOf({ models: [{ model_id: models.churn }, { model_id: uploaded }] })),
    );
    expect(refused).toMatchObject({
      status: 422,
      body: {
        code: 'VALIDATION_ERROR',
        detail: `Version 1.0.0 cannot be exported as one graph: only models that were trained here become one graph, and these were uploaded: ${uploaded} 1.0.0.`,
      },
    });
  });

  it('should be a file like any other: a range, a digest, an ETag, and nothing left behind', async () => {
    const id = await ensembleOf({});
    const bytes = await exported(id);
    const { response, bytes: part } = await download(id, { range: 'bytes=10-19' });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes 10-19/${bytes.length}`);
    expect(part.equals(bytes.subarray(10, 20))).toBe(true);
    const etag = response.headers.get('etag')!;
    expect((await download(id, { 'if-none-match': etag })).response.status).toBe(304);
    expect((await download(id, { range: `bytes=${bytes.length}-` })).response.status).toBe(416);
    expect((await acme.get(pathOf(id, '9.0.0'))).status).toBe(404);
    const globex = await service.as('globex-inc');
    expect((await globex.get(pathOf(id))).body.code).toBe('MODEL_NOT_FOUND');
    const objects = join(service.stateDir, 'objects/modelplane/acme-corp');
    const kept = async () =>
      (await readdir(objects, { recursive: true })).filter((name) => name.startsWith('uploads/'));
    for (const end = Date.now() + 10_000; (await kept()).length > 0 && Date.now() < end;);
    expect(await kept()).toEqual([]);
  });

  it('should be of what answers now, and refused while a member does not', async () => {
    const move = async (target_stage: string) => {
      const { status } = await acme.put(`/api/v1/models/${models.churn}/stage`, {
        version: '1.0.0',
        target_stage,
      });
      expect(status).toBe(200);
    };
    await move('staging');
    const id = await ensembleOf({
      models: [{ model_id: `${models.churn}@staging` }, { model_id: models.churnOfForest }],
    });
    await expectEqual(id, CUSTOMERS);
    await move('development');
    expect(await acme.get(pathOf(id))).toMatchObject({
      status: 409,
      body: {
        code: 'STAGE_CONFLICT',
        detail: expect.stringMatching(/cannot be exported now: it has a member that does not answer now/),
      },
    });
  });
});
