import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from './support/client.js';
import { Service } from './support/service.js';
import { makeUploads, registerModel, upload, uploadForm } from './support/uploads.js';

const MAX_BYTES = 200_000;
const FOUR = { features: ['a', 'b', 'c', { name: 'd', nullable: true }] };

describe('models made elsewhere', () => {
  let service: Service;
  let acme: Client;
  let files: Map<string, Buffer>;
  let packed: Buffer;
  let expected: { rows: number[][]; labels: string[]; probabilities: number[][]; classes: string[] };

  beforeAll(async () => {
    service = await Service.start({ env: { MODELPLANE_MAX_ARTIFACT_BYTES: String(MAX_BYTES) } });
    acme = await service.as('acme-corp', 'scientist');
    files = await makeUploads();
    packed = files.get('good-packed.onnx')!;
    expected = JSON.parse(files.get('packed.json')!.toString());
  });
  afterAll(() => service?.stop());

  const predict = (model_id: string, features: unknown, version?: string) =>
    acme.post('/api/v1/predictions', {
      model_id,
      version,
      features,
      options: { return_probabilities: true },
    });
  const rowsOf = (rows: number[][]) => rows.map(([a, b, c, d]) => ({ a, b, c, d }));
  /** What lies under the folder of the tenant's uploads. */
  const leftovers = () => {
    const folder = join(service.stateDir, 'objects/modelplane/acme-corp/uploads');
    return existsSync(folder) ? readdirSync(folder) : [];
  };

  it('should be taken as the first version, and answer as scikit-learn does', async () => {
    const id = await registerModel(acme, 'classification', 'sklearn');
    const { status, body } = await upload(acme, id, packed, FOUR);
    expect([status, body]).toEqual([201, expect.anything()]);
    expect(body).toMatchObject({
      version: '1.0.0',
      stage: 'development',
      ready: true,
      origin: 'uploaded',
      artifact: { size_bytes: packed.length, sha256: createHash('sha256').update(packed).digest('hex') },
      lineage: { job_id: null },
    });
    const events = (await acme.get('/api/v1/events')).body.data;
    expect(events.map(({ type, data }: { type: string; data: object }) => ({ type, data }))).toEqual([
      { type: 'model.registered', data: { model_id: id } },
      { type: 'model.version_ready', data: { model_id: id, version: '1.0.0', job_id: null } },
    ]);
    expect(body.signature.inputs[3]).toEqual({
      name: 'd',
      type: 'number',
      tensor: 'X',
      dtype: 'float32',
      nullable: true,
      categories: null,
      column: 3,
    });
    expect(body.signature.output.labels).toEqual(expected.classes);

    const answer = await predict(id, rowsOf(expected.rows));
    expect(answer.body.prediction).toEqual(expected.labels);
    answer.body.probabilities
      .flat()
      .forEach((value: number, index: number) =>
        expect(value).toBeCloseTo(expected.probabilities.flat()[index]!, 5),
      );
    expect(leftovers()).toEqual([]);
  });

  it('should carry what made them: as said, registered, or of the upload before', async () => {
    const id = await registerModel(acme, 'classification', 'xgboost');
    const made = async (more: object) => {
      const { status, body } = await upload(acme, id, packed, { ...FOUR, ...more });
      expect({ status, body }).toMatchObject({ status: 201 });
      return [body.version, body.framework, body.framework_version];
    };
    expect(await made({})).toEqual(['1.0.0', 'xgboost', null]);
    expect(await made({ framework: 'sklearn' })).toEqual(['1.1.0', 'sklearn', null]);
    expect(await made({})).toEqual(['1.2.0', 'sklearn', null]);
    expect((await acme.get(`/api/v1/models/${id}`)).body).toMatchObject({ framework: 'sklearn' });
    const listed = async (framework: string) =>
      (await acme.get(`/api/v1/models?framework=${framework}`)).body.data.map(
        ({ model_id }: { model_id: string }) => model_id,
      );
    expect(await listed('sklearn')).toContain(id);
    expect(await listed('xgboost')).not.toContain(id);

    await service.database.query(
      `update model_versions set origin = 'trained' where model_id = $1 and minor = 2`,
      [id],
    );
    expect(await made({})).toEqual(['1.3.0', 'onnx', null]);
    for (const framework of ['pytorch', null, 7]) {
      const refused = await upload(acme, id, packed, { ...FOUR, framework });
      expect([refused.status, refused.body.errors[0].pointer]).toEqual([400, '/signature/framework']);
    }
  });

  it('should take features of every type, one input each, and refuse what does not fit', async () => {
    const id = await registerModel(acme, 'regression');
    const { status, body } = await upload(acme, id, files.get('good-columns.onnx')!);
    expect([status, body.signature?.inputs.map(({ type }: { type: string }) => type)]).toEqual([
      201,
      ['number', 'integer', 'integer', 'boolean', 'string'],
    ]);
    const row = { amount: 0.1, count: 2 ** 40, size: 7, flag: true, plan: 'gold' };
    const answer = await predict(id, [row, { ...row, amount: 1e300, count: -5, flag: false, plan: 'basic' }]);
    expect(answer.body.prediction).toEqual([0.1 + 2 ** 40 + 7 + 1 + 1000, 1e300]);

    const wrong = { amount: 'x', count: 1.5, size: 2 ** 31, flag: 2, plan: null };
    const refused = await predict(id, wrong);
    expect([refused.status, refused.body.code]).toEqual([422, 'VALIDATION_ERROR']);
    expect(refused.body.errors.map(({ message }: { message: string }) => message)).toEqual([
      `'amount' must be a number, got the text "x"`,
      `'count' must be an integer, got 1.5`,
      `'size' must be an integer of 32 bits, got 2147483648`,
      `'flag' must be true or false, got 2`,
      `'plan' must be a text, and the model does not take null, got null`,
    ]);
  });

  it('should answer the most probable class where the graph has no label', async () => {
    const id = await registerModel(acme, 'classification');
    const network = files.get('good-network.onnx')!;
    const signature = { features: ['a', 'b'], labels: ['one', 'two', 'three'], target: 'kind' };
    expect((await upload(acme, id, network, signature)).status).toBe(201);
    const { body } = await predict(id, [
      { a: 9, b: 0 },
      { a: 0, b: 9 },
      { a: -9, b: -9 },
    ]);
    expect(body).toMatchObject({ prediction: ['one', 'two', 'three'], classes: ['one', 'two', 'three'] });
    expect(body.confidence[0]).toBe(body.probabilities[0][0]);
  });

  it('should answer probabilities where the graph has logits, as the signature says', async () => {
    const [three, two] = [
      await registerModel(acme, 'classification'),
      await registerModel(acme, 'classification'),
    ];
    const features = ['a', 'b'];
    const refused = await upload(acme, three, files.get('good-logits.onnx')!, {
      features,
      labels: ['one', 'two', 'three'],
    });
    expect([refused.status, refused.body.errors?.[0].message]).toEqual([
      422,
      expect.stringMatching(
        /^asked for one row of ones, the output 'scores' says .*"probabilities": "logits"/,
      ),
    ]);
    const probabilities = 'logits';
    const signature = { features, labels: ['one', 'two', 'three'], probabilities };
    const { status, body } = await upload(acme, three, files.get('good-logits.onnx')!, signature);
    expect([status, body.signature?.output.probabilities]).toEqual([201, 'logits']);
    const powers = [3, -1, -2].map(Math.exp);
    const sum = powers[0]! + powers[1]! + powers[2]!;
    const answer = await predict(three, { a: 3, b: -1 });
    expect(answer.body.prediction).toEqual(['one']);
    powers.forEach((power, at) => expect(answer.body.probabilities[0][at]).toBeCloseTo(power / sum, 6));
    expect((await predict(three, { a: 1e30, b: 0 })).body.probabilities).toEqual([[1, 0, 0]]);

    const labels = ['no', 'yes'];
    expect((await upload(acme, two, files.get('good-one-logit.onnx')!, { features, labels })).status).toBe(
      422,
    );
    const taken = await upload(acme, two, files.get('good-one-logit.onnx')!, {
      features,
      labels,
      probabilities,
    });
    expect(taken.status).toBe(201);
    const one = await predict(two, { a: 1, b: 0 });
    expect(one.body.probabilities[0][1]).toBeCloseTo(1 / (1 + Math.exp(-1)), 6);
  });

  it('should be held to their own words while they serve, and be counted where they break them', async () => {
    const id = await registerModel(acme, 'classification');
    const signature = { features: ['a', 'b'], labels: ['one', 'two', 'three'] };
    const countOf = async (fault: string) => {
      const text = String((await service.with(undefined).get('/metrics')).body);
      return Number(
        new RegExp(`modelplane_model_output_faults_total\\{fault="${fault}"\\} (\\d+)`).exec(text)?.[1],
      );
    };
    const faults = ['sum', 'no_probability', 'not_finite', 'label', 'unknown_class', 'length'];
    for (const fault of faults) expect([fault, await countOf(fault)]).toEqual([fault, 0]);
    expect((await upload(acme, id, files.get('good-false-for-some.onnx')!, signature)).status).toBe(201);
    expect((await predict(id, { a: 12344, b: 0 })).body.prediction).toEqual(['one']);
    const expected: [number, string, string][] = [
      [
        12346,
        'no_probability',
        "the output 'scores' says the probabilities [2.0000, -1.0000, 0.0000], not all of them within 0 to 1",
      ],
      [
        12345,
        'no_probability',
        "the output 'scores' says the probabilities [2.0000, 0.0000, 0.0000], not all of them within 0 to 1",
      ],
      [12347, 'not_finite', "the output 'scores' is NaN or infinite"],
      [
        12348,
        'label',
        'the output \'label\' is "three", of probability 0.0000, and \'scores\' says 1.0000 of "one"',
      ],
      [12349, 'unknown_class', 'the output \'label\' is "four", none of its 3 labels'],
    ];
    for (const [a, fault, message] of expected) {
      const before = await countOf(fault);
      const alone = await predict(id, { a, b: 0 });
      const detail = `the uploaded model cannot answer this: ${message}`;
      expect([alone.status, alone.body.code, alone.body.errors]).toEqual([
        422,
        'VALIDATION_ERROR',
        [{ pointer: '/features', message: detail }],
      ]);
      const among = await predict(id, [
        { a: 1, b: 0 },
        { a, b: 0 },
      ]);
      expect(among.body.errors).toEqual([{ pointer: '/features/1', message: detail }]);
      expect(await countOf(fault)).toBe(before + 2);
    }
    // Probabilities that are each within 0 to 1, but too many.
    const twice = await predict(id, { a: 12345, b: 12345 });
    expect(twice.body.errors[0].message).toMatch(
      /\[1\.0000, 1\.0000, 0\.0000\], which sum to 2\.0000 and not to 1/,
    );
    expect(await countOf('sum')).toBe(1);
  });

  it('should be numbered by what requests they take', async () => {
    const id = await registerModel(acme, 'classification');
    const versions: string[] = [];
    for (const features of [
      ['a', 'b', 'c', 'd'],
      ['a', 'b', 'c', 'd'],
      ['a', 'b', 'c', 'e'],
    ]) {
      versions.push((await upload(acme, id, packed, { features })).body.version);
    }
    expect(versions).toEqual(['1.0.0', '1.1.0', '2.0.0']);
    // The same file three times, described in two ways.
    const [a, b, c] = [1, 2, 3];
    expect((await predict(id, { a, b, c, d: 4 }, '1.1.0')).status).toBe(200);
    expect((await predict(id, { a, b, c, e: 4 }, '2.0.0')).status).toBe(200);
    expect((await predict(id, { a, b, c, e: 4 }, '1.0.0')).status).toBe(422);
  });

  it('should fill a version once, also where two uploads race', async () => {
    const id = await registerModel(acme, 'classification');
    const path = `/api/v1/models/${id}/versions/1.0.0/artifact`;
    const answers = await Promise.all([1, 2].map(() => acme.put(path, uploadForm(packed, FOUR))));
    expect(answers.map(({ status, body }) => [status, body.code ?? body.version]).sort()).toEqual([
      [200, '1.0.0'],
      [409, 'VERSION_FILLED'],
    ]);
    expect((await acme.put(path, uploadForm(packed, FOUR))).body.code).toBe('VERSION_FILLED');
    const absent = await acme.put(path.replace('1.0.0', '3.0.0'), uploadForm(packed, FOUR));
    expect([absent.status, absent.body.code]).toEqual([404, 'MODEL_NOT_FOUND']);
    expect(leftovers()).toEqual([]);
  });

  it('should be taken once where the request is repeated with its key', async () => {
    const id = await registerModel(acme, 'classification', 'sklearn');
    const send = (signature: object, key: string) =>
      acme.post(`/api/v1/models/${id}/versions`, uploadForm(packed, signature), { 'idempotency-key': key });
    const first = await send(FOUR, 'same');
    const again = await send(FOUR, 'same');
    expect([first.status, again.status, again.headers.get('idempotency-replayed')]).toEqual([
      201,
      201,
      'true',
    ]);
    expect(again.body).toEqual(first.body);
    const other = await send({ features: ['w', 'x', 'y', 'z'] }, 'same');
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_MISMATCH']);
    const race = await Promise.all([send(FOUR, 'race'), send(FOUR, 'race')]);
    for (const { status } of race) expect([201, 409]).toContain(status);
    const { body: versions } = await acme.get(`/api/v1/models/${id}/versions`);
    expect(versions.data).toHaveLength(2);
    expect((await send(FOUR, 'ü')).status).toBe(400);
  });

  it('should be given back, whole or in part', async () => {
    const id = await registerModel(acme, 'classification');
    const path = `/api/v1/models/${id}/versions/1.0.0/artifact`;
    expect([(await acme.get(path)).status, (await acme.get(path)).body.code]).toEqual([404, 'NOT_FOUND']);
    await upload(acme, id, packed, FOUR);
    expect((await (await service.as('acme-corp', 'viewer')).get(path)).status).toBe(403);
    const scientist = await service.as('acme-corp', 'scientist');
    const digest = createHash('sha256').update(packed);
    const sha256 = digest.copy().digest('hex');

    const get = (headers: Record<string, string> = {}) =>
      fetch(service.url + path, { headers: { authorization: `Bearer ${scientist.token}`, ...headers } });
    const whole = await get();
    expect(Buffer.from(await whole.arrayBuffer()).equals(packed)).toBe(true);
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      etag: `"${sha256}"`,
      'x-content-sha256': sha256,
      'repr-digest': `sha-256=:${digest.digest('base64')}:`,
      'accept-ranges': 'bytes',
    });
    const part = await get({ range: 'bytes=10-19' });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 10-19/${packed.length}`]);
    expect(Buffer.from(await part.arrayBuffer()).equals(packed.subarray(10, 20))).toBe(true);
    expect((await get({ range: 'bytes=99999999-' })).status).toBe(416);
    expect((await get({ 'if-none-match': `"${sha256}"` })).status).toBe(304);
    expect((await get({ 'if-none-match': '"other"' })).status).toBe(200);
  });

  it.each<[string, number, string, unknown, string, RegExp]>([
    ['no names', 422, 'packed', undefined, '/signature/features', /takes 4 columns: name its features/],
    [
      'a name that no body may hold',
      422,
      'packed',
      { features: ['a', 'b', 'c', '__proto__'] },
      '/signature/features',
      /cannot be named __proto__/,
    ],
    ['too few names', 422, 'packed', { features: ['a'] }, '/signature/features', /4 columns, and 1 features/],
    ['a name twice', 422, 'packed', { features: ['a', 'a', 'b', 'c'] }, '/signature', /'a' twice/],
    ['no classes', 422, 'network', { features: ['a', 'b'] }, '/signature/labels', /name the classes/],
    [
      'too many classes',
      422,
      'packed',
      { ...FOUR, labels: ['a', 'b', 'c'] },
      '/signature/labels',
      /2 columns and 3 classes/,
    ],
    [
      'an absent output',
      422,
      'packed',
      { ...FOUR, label_tensor: 'y' },
      '/signature/label_tensor',
      /no output "y"; it has "label", "probabilities"/,
    ],
    ['an unknown field', 400, 'packed', { ...FOUR, inputs: [] }, '/signature/inputs', /not a known field/],
    [
      'a wrong type',
      400,
      'packed',
      { features: [{ name: 1 }] },
      '/signature/features/0/name',
      /512 characters/,
    ],
    ['no JSON', 400, 'packed', '{', '/signature', /no JSON/],
    ['an unfit example', 422, 'packed', { ...FOUR, example: { a: 1 } }, '/artifact', /'b' is missing/],
  ])('should be refused with a signature of %s', async (_, status, file, signature, pointer, message) => {
    const id = await registerModel(acme, 'classification');
    const answer = await upload(acme, id, files.get(`good-${file}.onnx`)!, signature);
    expect([answer.status, answer.body.errors?.[0]]).toEqual([
      status,
      { pointer, message: expect.stringMatching(message) },
    ]);
    expect((await acme.get(`/api/v1/models/${id}/versions/1.0.0`)).body).toMatchObject({
      ready: false,
      origin: null,
    });
    expect(leftovers()).toEqual([]);
  });

  it('should be refused past the size limit, and without a form', async () => {
    const id = await registerModel(acme, 'classification');
    const large = await upload(acme, id, Buffer.alloc(MAX_BYTES + 1), FOUR);
    expect([large.status, large.body.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    const path = `/api/v1/models/${id}/versions`;
    const codeOf = async (body: unknown, headers?: Record<string, string>) =>
      (await acme.post(path, body, headers)).body.code;
    expect(await codeOf(packed, { 'content-type': 'application/octet-stream' })).toBe(
      'UNSUPPORTED_MEDIA_TYPE',
    );
    expect(await codeOf({})).toBe('UNSUPPORTED_MEDIA_TYPE');
    expect(await codeOf(undefined)).toBe('UNSUPPORTED_MEDIA_TYPE');
    expect(await codeOf('--b\r\nno', { 'content-type': 'multipart/form-data; boundary=b' })).toBe(
      'INVALID_REQUEST',
    );
    expect(await codeOf('x', { 'content-type': 'multipart/form-data' })).toBe('INVALID_REQUEST');
    expect(await codeOf(new FormData())).toBe('INVALID_REQUEST');
    const other = uploadForm(packed, FOUR);
    other.append('extra', '1');
    expect(await codeOf(other)).toBe('INVALID_REQUEST');
    const twice = uploadForm(packed, FOUR);
    twice.append('artifact', new Blob([packed]), 'again.onnx');
    expect(await codeOf(twice)).toBe('INVALID_REQUEST');
    expect(leftovers()).toEqual([]);
    expect((await upload(acme, id, packed, FOUR)).status).toBe(201);
  });

  it('should be for scientists, and for models that take ONNX', async () => {
    const id = await registerModel(acme, 'classification');
    const viewer = await service.as('acme-corp', 'viewer');
    expect((await upload(viewer, id, packed, FOUR)).status).toBe(403);
    const tensorflow = await registerModel(acme, 'classification', 'tensorflow');
    expect((await upload(acme, tensorflow, packed, FOUR)).body.code).toBe('VALIDATION_ERROR');
    const foreign = await upload(await service.as('globex'), id, packed, FOUR);
    expect([foreign.status, foreign.body.code]).toEqual([404, 'MODEL_NOT_FOUND']);
  });
});
