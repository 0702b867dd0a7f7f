import type { Client } from './support/client.js';
import { Service } from './support/service.js';
import { fillVersion, SIGNATURE } from './support/versions.js';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ABSENT_ID = '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e';

const CHURN = {
  name: 'customer_churn_predictor',
  description: 'Predicts customer churn probability',
  model_type: 'classification',
  framework: 'sklearn',
  tags: { team: 'customer-analytics', use_case: 'churn' },
};

describe('models', () => {
  let service: Service;
  let acme: Client;

  beforeAll(async () => {
    service = await Service.start();
    acme = await service.as('acme-corp');
  });
  afterAll(() => service?.stop());

  async function register(name: string, fields: object = {}, client = acme): Promise<string> {
    const answer = await client.post('/api/v1/models', {
      name,
      model_type: 'classification',
      framework: 'sklearn',
      ...fields,
    });
    expect(answer.status).toBe(201);
    return answer.body.model_id;
  }

  /** Every page of a list, as names. */
  async function walk(client: Client, query: string, limit: number): Promise<string[][]> {
    const pages: string[][] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const position: string = cursor && `&cursor=${encodeURIComponent(cursor)}`;
      const { status, body } = await client.get(`/api/v1/models?limit=${limit}${query}${position}`);
      expect(status).toBe(200);
      expect(body.page.count).toBe(body.data.length);
      pages.push(body.data.map((model: { name: string }) => model.name));
      cursor = body.page.next_cursor;
    }
    return pages;
  }

  describe('the examples of the API document', () => {
    let id: string;

    it('should register a model', async () => {
      const { status, body } = await acme.post('/api/v1/models', CHURN);
      expect(status).toBe(201);
      expect(body).toEqual({
        model_id: expect.stringMatching(UUID_V7),
        name: 'customer_churn_predictor',
        tenant_id: 'acme-corp',
        description: 'Predicts customer churn probability',
        model_type: 'classification',
        framework: 'sklearn',
        tags: { team: 'customer-analytics', use_case: 'churn' },
        current_version: '1.0.0',
        stage: 'development',
        created_at: expect.stringMatching(TIME),
        updated_at: expect.stringMatching(TIME),
      });
      id = body.model_id;
    });

    it('should get it as it was registered', async () => {
      const { status, body } = await acme.get(`/api/v1/models/${id}`);
      expect(status).toBe(200);
      expect(body).toMatchObject({
        ...CHURN,
        model_id: id,
        tenant_id: 'acme-corp',
        current_version: '1.0.0',
      });
    });

    it('should move a version to production', async () => {
      await fillVersion(service.database, id, '1.2.0', 'staging');
      const { status, body } = await acme.put(`/api/v1/models/${id}/stage`, {
        version: '1.2.0',
        target_stage: 'production',
      });
      expect(status).toBe(200);
      expect(body).toMatchObject({ model_id: id, current_version: '1.2.0', stage: 'production' });
    });

    it('should list the sklearn models with a version in production', async () => {
      const { status, body } = await acme.get('/api/v1/models?stage=production&framework=sklearn&limit=20');
      expect(status).toBe(200);
      expect(body).toEqual({
        data: [expect.objectContaining({ model_id: id, name: CHURN.name, stage: 'production' })],
        page: { count: 1, next_cursor: null },
      });
    });
  });

  describe('registering', () => {
    it('should fill in what is optional', async () => {
      const id = await register('only_what_must_be');
      const { body } = await acme.get(`/api/v1/models/${id}`);
      expect(body).toMatchObject({ description: '', tags: {} });
    });

    it.each(['模型_流失', 'Прогноз оттока', 'modèle de désabonnement', 'नमूना', '2nd model: v1.0-beta'])(
      'should keep the name %s',
      async (name) => {
        const id = await register(name);
        expect((await acme.get(`/api/v1/models/${id}`)).body.name).toBe(name);
        const found = await acme.get(`/api/v1/models?name=${encodeURIComponent(name)}`);
        expect(found.body.data).toEqual([expect.objectContaining({ model_id: id })]);
      },
    );

    it('should keep texts that look like code or SQL as they are', async () => {
      const description = `'; drop table models; -- <script>alert("x")</script> \u{1f9ea} \n ${'$'}{x} %s`;
      const tags = { 'a b': '', toString: 'x', valueOf: 'y', emoji: '\u{1f9ea}' };
      const id = await register('texts', { description, tags });
      expect((await acme.get(`/api/v1/models/${id}`)).body).toMatchObject({ description, tags });
    });

    it('should not take a name twice', async () => {
      await register('taken');
      const { status, body } = await acme.post('/api/v1/models', { ...CHURN, name: 'taken' });
      expect(status).toBe(409);
      expect(body.code).toBe('MODEL_EXISTS');
    });

    it('should let exactly one of ten win who register the same name at once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => acme.post('/api/v1/models', { ...CHURN, name: 'raced' })),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(9).fill(409)]);
      const { body } = await acme.get('/api/v1/models?name=raced');
      expect(body.data).toHaveLength(1);
    });

    it('should let every tenant have the name', async () => {
      await register('shared_name');
      await register('shared_name', {}, await service.as('globex'));
    });
  });

  describe('lists', () => {
    let initech: Client;
    const names = ['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7'];
    const newestFirst = [...names].reverse();

    beforeAll(async () => {
      initech = await service.as('initech');
      for (const [at, name] of names.entries()) {
        const id = await register(
          name,
          {
            framework: at % 2 ? 'xgboost' : 'sklearn',
            tags: { team: at < 3 ? 'growth' : 'risk', note: 'a:b', ключ: 'да' },
          },
          initech,
        );
        if (at === 1) await fillVersion(service.database, id, '1.0.0', 'production');
        if (at === 2) {
          await fillVersion(service.database, id, '1.0.0', 'archived');
          await fillVersion(service.database, id, '1.1.0', 'production');
        }
      }
    });

    it.each([1, 2, 3, 4, 5, 6, 7, 8])('should be complete, newest first, in pages of %i', async (limit) => {
      const pages = await walk(initech, '', limit);
      expect(pages.flat()).toEqual(newestFirst);
      expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
      expect(pages).toHaveLength(Math.ceil(names.length / limit));
    });

    it.each([
      ['stage=production', ['m3', 'm2']],
      ['stage=archived', ['m3']],
      ['stage=staging', []],
      ['stage=development', ['m7', 'm6', 'm5', 'm4', 'm1']],
      ['framework=xgboost', ['m6', 'm4', 'm2']],
      ['framework=onnx', []],
      ['name=m4', ['m4']],
      ['name=M4', []],
      ['name=m', []],
      ['tag=team:growth', ['m3', 'm2', 'm1']],
      ['tag=team:grow', []],
      ['tag=team:', []],
      ['tag=note:a:b', newestFirst],
      [`tag=${encodeURIComponent('ключ:да')}`, newestFirst],
      ['stage=production&framework=sklearn&tag=team:growth&name=m3', ['m3']],
      ['stage=production&framework=sklearn&name=m2', []],
    ])('should be filtered by %s', async (query, expected) => {
      expect((await walk(initech, `&${query}`, 200)).flat()).toEqual(expected);
      expect((await walk(initech, `&${query}`, 1)).flat()).toEqual(expected);
    });

    it('should not repeat or lose a model while others are registered and deleted', async () => {
      const client = await service.as('hooli');
      for (const name of ['a', 'b', 'c', 'd']) await register(name, {}, client);
      const first = (await client.get('/api/v1/models?limit=2')).body;
      expect(first.data.map(({ name }: { name: string }) => name)).toEqual(['d', 'c']);
      await register('e', {}, client);
      await client.delete(`/api/v1/models/${first.data[1].model_id}`);
      const second = await client.get(`/api/v1/models?limit=2&cursor=${first.page.next_cursor}`);
      expect(second.body.data.map(({ name }: { name: string }) => name)).toEqual(['b', 'a']);
      expect(second.body.page.next_cursor).toBeNull();
    });

    it('should be empty for a tenant that has nothing', async () => {
      const { status, body } = await (await service.as('nobody')).get('/api/v1/models');
      expect(status).toBe(200);
      expect(body).toEqual({ data: [], page: { count: 0, next_cursor: null } });
    });

    it('should show what answers by default as the current version', async () => {
      const { data } = (await initech.get('/api/v1/models?name=m3')).body;
      expect(data[0]).toMatchObject({ current_version: '1.1.0', stage: 'production' });
    });
  });

  describe('changing', () => {
    it('should change the description and leave the rest', async () => {
      const id = await register('patched', { description: 'before', tags: { a: '1' } });
      const { status, body } = await acme.patch(`/api/v1/models/${id}`, { description: 'after' });
      expect(status).toBe(200);
      expect(body).toMatchObject({ name: 'patched', description: 'after', tags: { a: '1' } });
      expect((await acme.get(`/api/v1/models/${id}`)).body).toEqual(body);
    });

    it('should replace all tags', async () => {
      const id = await register('retagged', { description: 'kept', tags: { a: '1', b: '2' } });
      const { body } = await acme.patch(`/api/v1/models/${id}`, { tags: { c: '3' } });
      expect(body).toMatchObject({ description: 'kept', tags: { c: '3' } });
      expect((await acme.patch(`/api/v1/models/${id}`, { tags: {}, description: '' })).body).toMatchObject({
        description: '',
        tags: {},
      });
    });

    it('should answer 404 for a model that does not exist', async () => {
      const { status, body } = await acme.patch(`/api/v1/models/${ABSENT_ID}`, { description: 'x' });
      expect([status, body.code]).toEqual([404, 'MODEL_NOT_FOUND']);
    });
  });

  describe('deleting', () => {
    it('should remove the model, its versions and its history, and free its name', async () => {
      const id = await register('short_lived');
      await fillVersion(service.database, id, '1.0.0');
      await acme.put(`/api/v1/models/${id}/stage`, { version: '1.0.0', target_stage: 'staging' });

      const { status, body } = await acme.delete(`/api/v1/models/${id}`);
      expect([status, body]).toEqual([204, '']);
      for (const path of ['', '/versions', '/versions/1.0.0', '/history']) {
        expect((await acme.get(`/api/v1/models/${id}${path}`)).status).toBe(404);
      }
      expect((await acme.delete(`/api/v1/models/${id}`)).status).toBe(404);
      for (const table of ['model_versions', 'stage_changes']) {
        const sql = `select from ${table} where model_id = $1`;
        expect(await service.database.query(sql, [id])).toEqual([]);
      }
      await register('short_lived');
    });

    it('should refuse a model with a version in production until that has left it', async () => {
      const id = await register('in_use');
      await fillVersion(service.database, id, '1.0.0', 'production');
      const { status, body } = await acme.delete(`/api/v1/models/${id}`);
      expect([status, body.code]).toEqual([409, 'STAGE_CONFLICT']);
      expect(body.detail).toContain('1.0.0');
      expect((await acme.get(`/api/v1/models/${id}`)).status).toBe(200);

      await acme.put(`/api/v1/models/${id}/stage`, { version: '1.0.0', target_stage: 'archived' });
      expect((await acme.delete(`/api/v1/models/${id}`)).status).toBe(204);
    });

    it('should not be for a scientist', async () => {
      const id = await register('not_yours_to_delete');
      const { status, body } = await (
        await service.as('acme-corp', 'scientist')
      ).delete(`/api/v1/models/${id}`);
      expect([status, body.code]).toEqual([403, 'FORBIDDEN']);
      expect((await acme.get(`/api/v1/models/${id}`)).status).toBe(200);
    });
  });

  describe('versions', () => {
    it('should begin with an empty 1.0.0', async () => {
      const id = await register('fresh');
      const summary = {
        version: '1.0.0',
        stage: 'development',
        framework: 'sklearn',
        framework_version: null,
        ready: false,
        metrics: {},
        artifact: null,
        created_at: expect.stringMatching(TIME),
      };
      expect((await acme.get(`/api/v1/models/${id}/versions`)).body).toEqual({
        data: [summary],
        page: { count: 1, next_cursor: null },
      });
      const { status, body } = await acme.get(`/api/v1/models/${id}/versions/1.0.0`);
      expect(status).toBe(200);
      expect(body).toEqual({
        ...summary,
        model_id: id,
        origin: null,
        signature: null,
        threshold: null,
        parameters: {},
        importance: null,
        lineage: { job_id: null, data: {} },
        created_by: 'admin@acme-corp.example',
      });
    });

    it('should show what a filled one holds', async () => {
      const id = await register('filled');
      await fillVersion(service.database, id, '1.0.0');
      expect((await acme.get(`/api/v1/models/${id}/versions/1.0.0`)).body).toMatchObject({
        ready: true,
        metrics: { val_accuracy: 0.9 },
        parameters: { max_depth: 3 },
        artifact: { size_bytes: 1234, sha256: 'ab'.repeat(32) },
        signature: SIGNATURE,
      });
    });

    it('should be in order of their numbers, newest first', async () => {
      const id = await register('numbered');
      for (const version of ['1.9.0', '1.10.0', '10.0.0', '2.0.0']) {
        await fillVersion(service.database, id, version);
      }
      const { body } = await acme.get(`/api/v1/models/${id}/versions`);
      const numbers = body.data.map(({ version }: { version: string }) => version);
      expect(numbers).toEqual(['10.0.0', '2.0.0', '1.10.0', '1.9.0', '1.0.0']);
    });

    it.each([
      '9.9.9',
      '1',
      '1.0',
      'v1.0.0',
      '1.0.0.0',
      '01.0.0',
      '1.0.0-rc',
      '99999999999.0.0',
      'latest',
      '%00',
    ])('should answer 404 for the version %s', async (version) => {
      const id = await register(`without ${encodeURIComponent(version).replaceAll('%', '')}`);
      const { status, body } = await acme.get(`/api/v1/models/${id}/versions/${version}`);
      expect([status, body.code]).toEqual([404, 'MODEL_NOT_FOUND']);
    });
  });

  it.each([
    '1',
    'model-1',
    `${ABSENT_ID}x`,
    `{${ABSENT_ID}}`,
    ABSENT_ID,
    "x'--",
    '%00',
    'a'.repeat(1500),
    '%20',
  ])('should answer 404 MODEL_NOT_FOUND for the id %s on every route', async (id) => {
    const move = { version: '1.0.0', target_stage: 'staging' };
    const answers = await Promise.all([
      acme.get(`/api/v1/models/${id}`),
      acme.patch(`/api/v1/models/${id}`, { description: 'x' }),
      acme.delete(`/api/v1/models/${id}`),
      acme.get(`/api/v1/models/${id}/versions`),
      acme.get(`/api/v1/models/${id}/versions/1.0.0`),
      acme.get(`/api/v1/models/${id}/history`),
      acme.put(`/api/v1/models/${id}/stage`, move),
    ]);
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(
      answers.map(() => [404, 'MODEL_NOT_FOUND']),
    );
  });
});
