import type { Answer, Client } from './support/client.js';
import { Service } from './support/service.js';
import { fillVersion } from './support/versions.js';

describe('entity tags', () => {
  let service: Service;
  let acme: Client;
  let path: string;
  let made = 0;

  beforeAll(async () => {
    service = await Service.start();
    acme = await service.as('acme-corp');
  });
  afterAll(() => service?.stop());
  beforeEach(async () => {
    const model = { name: `model ${++made}`, model_type: 'classification', framework: 'sklearn' };
    const { body } = await acme.post('/api/v1/models', model);
    path = `/api/v1/models/${body.model_id}`;
    await fillVersion(service.database, body.model_id, '1.0.0');
  });

  const tagOf = ({ headers }: Answer) => headers.get('etag') ?? '';
  const problem = ({ status, body }: Answer) => [status, body.code];

  it('should be on models and versions, and stay while they do', async () => {
    for (const url of [path, `${path}/versions/1.0.0`]) {
      const tags = [tagOf(await acme.get(url)), tagOf(await acme.get(url))];
      expect(tags[0]).toMatch(/^"[\w-]{22}"$/);
      expect(tags[1]).toBe(tags[0]);
    }
  });

  it('should change with every change, and be that of the answer to it', async () => {
    const before = tagOf(await acme.get(path));
    const changed = tagOf(await acme.patch(path, { description: 'new' }));
    expect(changed).not.toBe(before);
    expect(tagOf(await acme.get(path))).toBe(changed);
    const version = tagOf(await acme.get(`${path}/versions/1.0.0`));
    const moved = tagOf(await acme.put(`${path}/stage`, { version: '1.0.0', target_stage: 'staging' }));
    expect(tagOf(await acme.get(path))).toBe(moved);
    expect(tagOf(await acme.get(`${path}/versions/1.0.0`))).not.toBe(version);
  });

  it('should answer 304 without a body to who has it', async () => {
    const tag = tagOf(await acme.get(path));
    for (const list of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const { status, body, headers } = await acme.get(path, { 'if-none-match': list });
      expect([status, body, headers.get('etag')]).toEqual([304, '', tag]);
    }
    expect((await acme.get(path, { 'if-none-match': '"other"' })).status).toBe(200);
    await acme.patch(path, { description: 'new' });
    expect((await acme.get(path, { 'if-none-match': tag })).status).toBe(200);
  });

  it('should let a change through in the state that If-Match names', async () => {
    const tag = tagOf(await acme.get(path));
    const changed = await acme.patch(path, { description: 'a' }, { 'if-match': tag });
    expect(changed.status).toBe(200);
    const list = `"other", ${tagOf(changed)}`;
    expect((await acme.patch(path, { description: 'b' }, { 'if-match': list })).status).toBe(200);
    expect((await acme.patch(path, { description: 'c' }, { 'if-match': '*' })).status).toBe(200);
  });

  it('should answer 412 in any other state, with the tag as it is, and change nothing', async () => {
    const old = tagOf(await acme.get(path));
    const now = tagOf(await acme.patch(path, { description: 'first' }));
    const stage = { version: '1.0.0', target_stage: 'staging' };
    const refused = [
      await acme.patch(path, { description: 'second' }, { 'if-match': old }),
      await acme.put(`${path}/stage`, stage, { 'if-match': old }),
      await acme.send('DELETE', path, undefined, { 'if-match': old }),
      // If-Match compares strongly: RFC 9110, section 13.1.1.
      await acme.patch(path, { description: 'second' }, { 'if-match': `W/${now}` }),
    ];
    for (const answer of refused) {
      expect(problem(answer)).toEqual([412, 'PRECONDITION_FAILED']);
      expect(tagOf(answer)).toBe(now);
    }
    expect((await acme.get(path)).body).toMatchObject({ description: 'first', stage: 'development' });
  });

  it('should let one of many changes of the same state through', async () => {
    const tag = tagOf(await acme.get(path));
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) => acme.patch(path, { description: `${at}` }, { 'if-match': tag })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(412)]);
  });

  it("should answer for another tenant's model as for none", async () => {
    const globex = await service.as('globex');
    const tag = tagOf(await acme.get(path));
    expect(problem(await globex.patch(path, { description: 'x' }, { 'if-match': tag }))).toEqual([
      404,
      'MODEL_NOT_FOUND',
    ]);
    expect(problem(await globex.get(path, { 'if-none-match': tag }))).toEqual([404, 'MODEL_NOT_FOUND']);
  });

  it('should be required of changes where configured', async () => {
    const strict = await Service.start({ beside: service, env: { MODELPLANE_REQUIRE_IF_MATCH: 'true' } });
    try {
      const client = await strict.as('acme-corp');
      const stage = { version: '1.0.0', target_stage: 'staging' };
      for (const answer of [
        await client.patch(path, { description: 'x' }),
        await client.put(`${path}/stage`, stage),
        await client.delete(path),
      ]) {
        expect(problem(answer)).toEqual([428, 'PRECONDITION_REQUIRED']);
      }
      const tag = tagOf(await client.get(path));
      expect((await client.put(`${path}/stage`, stage, { 'if-match': tag })).status).toBe(200);
    } finally {
      await strict.stop();
    }
  });
});
