import type { Answer, Client } from './support/client.js';
import { sendRaw } from './support/raw-request.js';
import { Service } from './support/service.js';
import { fillVersion } from './support/versions.js';
import { signToken } from './support/tokens.js';

const VALID = { name: 'refused', model_type: 'classification', framework: 'sklearn' };
const JSON_TYPE = { 'content-type': 'application/json' };

describe('bad input of the models API', () => {
  let service: Service;
  let acme: Client;
  let id: string;

  beforeAll(async () => {
    service = await Service.start();
    acme = await service.as('acme-corp');
    id = (await acme.post('/api/v1/models', { ...VALID, name: 'kept', description: 'as it was' })).body
      .model_id;
    await fillVersion(service.database, id, '1.0.0');
  });
  afterAll(() => service?.stop());

  // Whatever a test sends, nothing may have come of it.
  afterEach(async () => {
    const { body } = await acme.get('/api/v1/models?limit=200');
    expect(body.data).toEqual([
      expect.objectContaining({ name: 'kept', description: 'as it was', tags: {}, stage: 'development' }),
    ]);
  });

  function expectInvalid({ status, headers, body }: Answer, pointers?: string[]): void {
    expect({ status, code: body.code, type: headers.get('content-type') }).toEqual({
      status: 400,
      code: 'INVALID_REQUEST',
      type: expect.stringMatching(/^application\/problem\+json/),
    });
    if (!pointers) return;
    const named = (body.errors as { pointer: string; message: string }[]).map(({ pointer }) => pointer);
    expect([...new Set(named)].sort()).toEqual([...pointers].sort());
    expect(body.errors.every(({ message }: { message: string }) => message.length > 0)).toBe(true);
  }

  describe('registering', () => {
    it.each<[string, object, string[]]>([
      [
        'nothing',
        { name: undefined, model_type: undefined, framework: undefined },
        ['/name', '/model_type', '/framework'],
      ],
      ['no name', { name: undefined }, ['/name']],
      ['a null name', { name: null }, ['/name']],
      ['an empty name', { name: '' }, ['/name']],
      ['a blank name', { name: '   ' }, ['/name']],
      ['a number as name', { name: 7 }, ['/name']],
      ['a list as name', { name: ['refused'] }, ['/name']],
      ['an object as name', { name: { length: 3 } }, ['/name']],
      ['a name that begins with a dash', { name: '-refused' }, ['/name']],
      ['a name with a slash', { name: 'a/b' }, ['/name']],
      ['a name with a stage', { name: 'a@staging' }, ['/name']],
      ['an id as name', { name: '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e' }, ['/name']],
      ['an id in capital letters as name', { name: '019C1A7C-0B3E-7C41-9D2E-5A1F2B3C4D5E' }, ['/name']],
      ['a name with a line feed', { name: 'a\nb' }, ['/name']],
      ['a name with NUL', { name: 'a\u0000b' }, ['/name']],
      ['a name with half a character', { name: 'a\ud800' }, ['/name']],
      ['a name of 129 characters', { name: 'a'.repeat(129) }, ['/name']],
      ['a huge name', { name: 'a'.repeat(200_000) }, ['/name']],
      ['an unknown type', { model_type: 'clustering' }, ['/model_type']],
      ['a null type', { model_type: null }, ['/model_type']],
      ['an inherited type', { model_type: 'constructor' }, ['/model_type']],
      ['an unknown framework', { framework: 'pytorch' }, ['/framework']],
      ['a list of frameworks', { framework: ['sklearn'] }, ['/framework']],
      ['a number as description', { description: 1 }, ['/description']],
      ['a null description', { description: null }, ['/description']],
      ['a description of 4001 characters', { description: 'a'.repeat(4001) }, ['/description']],
      ['null tags', { tags: null }, ['/tags']],
      ['a list as tags', { tags: ['a'] }, ['/tags']],
      ['text as tags', { tags: 'a:b' }, ['/tags']],
      ['a number in the tags', { tags: { a: 1 } }, ['/tags']],
      ['null in the tags', { tags: { a: null } }, ['/tags']],
      ['a tag without a name', { tags: { '': 'a' } }, ['/tags']],
      ['a tag name with a colon', { tags: { 'a:b': 'c' } }, ['/tags']],
      ['NUL in a tag', { tags: { a: '\u0000' } }, ['/tags']],
      ['NUL in a tag name', { tags: { '\u0000': 'a' } }, ['/tags']],
      ['half a character in a tag', { tags: { a: '\ud800' } }, ['/tags']],
      ['half a character in a tag name', { tags: { '\udc00': 'a' } }, ['/tags']],
      ['a tag of 257 characters', { tags: { a: 'a'.repeat(257) } }, ['/tags']],
      ['65 tags', { tags: Object.fromEntries([...Array(65).keys()].map((n) => [`t${n}`, ''])) }, ['/tags']],
      ['an unknown field', { nmae: 'x' }, ['/nmae']],
      ['a tenant', { tenant_id: 'globex' }, ['/tenant_id']],
      ['an id', { model_id: 'x' }, ['/model_id']],
      ['an unknown field to be quoted', { 'a/b~c': 1 }, ['/a~1b~0c']],
      ['several faults', { name: 1, framework: 2, extra: 3 }, ['/name', '/framework', '/extra']],
    ])('should refuse %s by name', async (_, fields, pointers) => {
      expectInvalid(await acme.post('/api/v1/models', { ...VALID, ...fields }), pointers);
    });

    it('should refuse NUL in a description', async () => {
      expectInvalid(await acme.post('/api/v1/models', { ...VALID, description: 'a\u0000b' }));
    });
  });

  describe('bodies', () => {
    it.each([
      ['a list', '[]'],
      ['a list of models', JSON.stringify([VALID])],
      ['a text', '"refused"'],
      ['a number', '7'],
      ['true', 'true'],
      ['null', 'null'],
      ['no JSON', '{"name": "refused",'],
      ['two documents', `${JSON.stringify(VALID)}{}`],
      ['NaN', '{"name": NaN}'],
      ['nothing', ''],
      [
        'an own prototype',
        '{"__proto__": {"name": "refused"}, "model_type": "classification", "framework": "sklearn"}',
      ],
      [
        'a nested prototype',
        `{"name":"refused","model_type":"classification","framework":"sklearn","tags":{"__proto__":"x"}}`,
      ],
      ['a constructor with a prototype', `{"constructor":{"prototype":{"name":"refused"}}}`],
      ['deep nesting', `{"tags":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`],
    ])('should refuse %s in place of a model', async (_, body) => {
      expectInvalid(await acme.post('/api/v1/models', body, JSON_TYPE));
      const keyed = { ...JSON_TYPE, 'idempotency-key': `refused-${body.length}` };
      expectInvalid(await acme.post('/api/v1/models', body, keyed));
      expectInvalid(await acme.post('/api/v1/predictions/async', body, keyed));
      expectInvalid(await acme.patch(`/api/v1/models/${id}`, body, JSON_TYPE));
      expectInvalid(await acme.put(`/api/v1/models/${id}/stage`, body, JSON_TYPE));
    });

    it('should refuse no body at all', async () => {
      expectInvalid(await acme.post('/api/v1/models'), ['']);
      expectInvalid(await acme.put(`/api/v1/models/${id}/stage`), ['']);
      expectInvalid(await acme.patch(`/api/v1/models/${id}`), ['']);
      // Many clients name a content type all the same.
      expectInvalid(await acme.post('/api/v1/models', '', JSON_TYPE), ['']);
      expectInvalid(await acme.post('/api/v1/predictions', '', JSON_TYPE), ['']);
    });
  });

  it.each<[string, object, string[]]>([
    ['a null description', { description: null }, ['/description']],
    ['null tags', { tags: null }, ['/tags']],
    ['a name', { name: 'renamed' }, ['/name']],
    ['a framework', { framework: 'onnx' }, ['/framework']],
    ['a stage', { stage: 'production' }, ['/stage']],
  ])('should not change a model to %s', async (_, change, pointers) => {
    expectInvalid(await acme.patch(`/api/v1/models/${id}`, change), pointers);
  });

  it('should not change a description to text with NUL', async () => {
    expectInvalid(await acme.patch(`/api/v1/models/${id}`, { description: '\u0000' }));
  });

  it.each<[string, object, string[]]>([
    ['no version', { version: undefined }, ['/version']],
    ['a null version', { version: null }, ['/version']],
    ['an empty version', { version: '' }, ['/version']],
    ['a number as version', { version: 1 }, ['/version']],
    ['a version of 33 characters', { version: '1'.repeat(33) }, ['/version']],
    ['no target', { target_stage: undefined }, ['/target_stage']],
    ['an unknown target', { target_stage: 'Production' }, ['/target_stage']],
    ['a null target', { target_stage: null }, ['/target_stage']],
    ['a null reason', { reason: null }, ['/reason']],
    ['a number as reason', { reason: 1 }, ['/reason']],
    ['a reason of 1001 characters', { reason: 'a'.repeat(1001) }, ['/reason']],
    ['an unknown field', { stage: 'staging' }, ['/stage']],
  ])('should not move a version with %s', async (_, fields, pointers) => {
    const move = { version: '1.0.0', target_stage: 'staging', ...fields };
    expectInvalid(await acme.put(`/api/v1/models/${id}/stage`, move), pointers);
  });

  it('should not move a version with NUL in the reason', async () => {
    const move = { version: '1.0.0', target_stage: 'staging', reason: '\u0000' };
    expectInvalid(await acme.put(`/api/v1/models/${id}/stage`, move));
  });

  describe('queries of lists', () => {
    it.each([
      ['limit=0', 'limit'],
      ['limit=201', 'limit'],
      ['limit=-1', 'limit'],
      ['limit=1.5', 'limit'],
      ['limit=ten', 'limit'],
      ['limit=', 'limit'],
      ['limit=1&limit=2', 'limit'],
      ['limit=Infinity', 'limit'],
      ['limit=99999999999999999999', 'limit'],
      ['stage=live', 'stage'],
      ['stage=', 'stage'],
      ['stage=staging&stage=production', 'stage'],
      ['framework=pytorch', 'framework'],
      [`name=${'a'.repeat(129)}`, 'name'],
      ['tag=team', 'tag'],
      ['tag=:x', 'tag'],
      ['tag[team]=x', 'tag[team]'],
      ['offset=10', 'offset'],
      ['tenant_id=globex', 'tenant_id'],
    ])('should refuse ?%s', async (query, field) => {
      expectInvalid(await acme.get(`/api/v1/models?${query}`), [field]);
    });

    it.each(['name=%00', 'tag=a:%00', 'tag=%00:a'])('should refuse ?%s', async (query) => {
      expectInvalid(await acme.get(`/api/v1/models?${query}`));
    });

    it('should refuse a query that is not UTF-8 or matches nothing, without failing', async () => {
      const authorization = `Bearer ${await signToken({ tenant: 'acme-corp' })}`;
      for (const query of ['name=%ff', 'name=%', 'name=%zz']) {
        const { status } = await sendRaw({
          url: service.url,
          path: `/api/v1/models?${query}`,
          headers: { authorization },
        });
        expect([200, 400]).toContain(status);
      }
    });

    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    it.each([
      ['garbage', 'garbage'],
      ['nothing', ''],
      ['NUL', '%00'],
      ['an id', '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e'],
      ['null', encode(null)],
      ['a number', encode(1)],
      ['a text', encode('acme-corp')],
      ['an object', encode({ 0: 'acme-corp' })],
      ['an empty list', encode([])],
      ['the tenant alone', encode(['acme-corp'])],
      ['a key that is no id', encode(['acme-corp', "x'; --"])],
      ['a key that is a number', encode(['acme-corp', 1])],
      ['a key that is a list', encode(['acme-corp', ['019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e']])],
      ['another tenant', encode(['globex', '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e'])],
      ['a text of 3000 characters', 'a'.repeat(3000)],
    ])('should refuse a cursor of %s', async (_, cursor) => {
      expectInvalid(await acme.get(`/api/v1/models?cursor=${cursor}`));
      expectInvalid(await acme.get(`/api/v1/models/${id}/history?cursor=${cursor}`));
    });

    it('should not take the cursor of another tenant', async () => {
      const globex = await service.as('globex');
      for (const name of ['a', 'b']) await globex.post('/api/v1/models', { ...VALID, name });
      const { next_cursor: cursor } = (await globex.get('/api/v1/models?limit=1')).body.page;
      expect((await globex.get(`/api/v1/models?cursor=${cursor}`)).status).toBe(200);
      expectInvalid(await acme.get(`/api/v1/models?cursor=${cursor}`));
    });
  });
});
