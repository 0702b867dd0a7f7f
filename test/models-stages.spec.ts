import type { Answer, Client } from './support/client.js';
import { Service } from './support/service.js';
import { fillVersion } from './support/versions.js';

const STAGES = ['development', 'staging', 'production', 'archived'] as const;
type Stage = (typeof STAGES)[number];

const ALLOWED: Record<Stage, Stage[]> = {
  development: ['staging'],
  staging: ['production', 'development'],
  production: ['archived', 'staging'],
  archived: ['development'],
};

interface Move {
  version: string;
  from_stage: Stage;
  to_stage: Stage;
}

describe('stages of a model', () => {
  let service: Service;
  let acme: Client;
  let id: string;
  let count = 0;

  beforeAll(async () => {
    service = await Service.start();
    acme = await service.as('acme-corp', 'scientist');
  });
  afterAll(() => service?.stop());

  beforeEach(async () => {
    const model = { name: `staged ${++count}`, model_type: 'classification', framework: 'sklearn' };
    id = (await acme.post('/api/v1/models', model)).body.model_id;
  });

  const move = (version: string, target_stage: Stage, reason?: string): Promise<Answer> =>
    acme.put(`/api/v1/models/${id}/stage`, { version, target_stage, reason });
  /** Moves that are made at once wait for each other. One that waits too long is answered 503 and asked for again. */
  const moveInTurn = async (version: string, target: Stage): Promise<Answer> => {
    const answer = await move(version, target);
    return answer.status === 503 ? moveInTurn(version, target) : answer;
  };
  const stageOf = async (version: string): Promise<Stage> =>
    (await acme.get(`/api/v1/models/${id}/versions/${version}`)).body.stage;
  const current = async (): Promise<string> => {
    const { current_version, stage } = (await acme.get(`/api/v1/models/${id}`)).body;
    return `${current_version} ${stage}`;
  };
  const history = async (): Promise<Move[]> =>
    (await acme.get(`/api/v1/models/${id}/history?limit=200`)).body.data;

  const pairs = STAGES.flatMap((from) => STAGES.map((to) => [from, to] as const));

  it.each(pairs.filter(([from, to]) => ALLOWED[from].includes(to)))(
    'should move a version from %s to %s',
    async (from, to) => {
      await fillVersion(service.database, id, '1.0.0', from);
      expect((await move('1.0.0', to)).status).toBe(200);
      expect(await stageOf('1.0.0')).toBe(to);
      expect(await history()).toMatchObject([{ version: '1.0.0', from_stage: from, to_stage: to }]);
    },
  );

  it.each(pairs.filter(([from, to]) => !ALLOWED[from].includes(to)))(
    'should not move a version from %s to %s, and say where it can go',
    async (from, to) => {
      await fillVersion(service.database, id, '1.0.0', from);
      const { status, body } = await move('1.0.0', to);
      expect([status, body.code]).toEqual([409, 'STAGE_CONFLICT']);
      for (const stage of ALLOWED[from]) expect(body.detail).toMatch(new RegExp(`can go to .*${stage}`));
      expect(await stageOf('1.0.0')).toBe(from);
      expect(await history()).toEqual([]);
    },
  );

  it.each(STAGES)('should not move a version without an artifact to %s', async (to) => {
    const { status, body } = await move('1.0.0', to);
    expect([status, body.code]).toEqual([409, 'STAGE_CONFLICT']);
    expect(body.detail).toContain('no artifact');
    expect(await current()).toBe('1.0.0 development');
  });

  it.each(['1.1.0', '1', 'latest', '1.0.0\u0000'])(
    'should answer 404 for the version %j',
    async (version) => {
      const { status, body } = await move(version, 'staging');
      expect([status, body.code]).toEqual([404, 'MODEL_NOT_FOUND']);
    },
  );

  it('should archive the version in production with the promotion of its successor', async () => {
    await fillVersion(service.database, id, '1.0.0', 'production');
    await fillVersion(service.database, id, '1.1.0', 'staging');
    const { status, body } = await move('1.1.0', 'production', 'better recall');
    expect(status).toBe(200);
    expect(body).toMatchObject({ current_version: '1.1.0', stage: 'production' });
    expect(await stageOf('1.0.0')).toBe('archived');
    expect(await history()).toEqual([
      {
        version: '1.1.0',
        from_stage: 'staging',
        to_stage: 'production',
        reason: 'better recall',
        changed_by: 'scientist@acme-corp.example',
        changed_at: expect.any(String),
      },
      {
        version: '1.0.0',
        from_stage: 'production',
        to_stage: 'archived',
        reason: expect.stringContaining('1.1.0'),
        changed_by: 'scientist@acme-corp.example',
        changed_at: expect.any(String),
      },
    ]);
  });

  it('should leave the version in production where a promotion is refused', async () => {
    await fillVersion(service.database, id, '1.0.0', 'production');
    await fillVersion(service.database, id, '1.1.0', 'development');
    expect((await move('1.1.0', 'production')).status).toBe(409);
    expect(await stageOf('1.0.0')).toBe('production');
    expect(await history()).toEqual([]);
  });

  it('should not touch the production version of another model', async () => {
    const other = id;
    await fillVersion(service.database, other, '1.0.0', 'production');
    id = (
      await acme.post('/api/v1/models', { name: 'beside', model_type: 'regression', framework: 'sklearn' })
    ).body.model_id;
    await fillVersion(service.database, id, '1.0.0', 'staging');
    expect((await move('1.0.0', 'production')).status).toBe(200);
    expect((await acme.get(`/api/v1/models/${other}`)).body.stage).toBe('production');
  });

  it('should roll back from production to staging and promote again', async () => {
    await fillVersion(service.database, id, '1.0.0', 'production');
    expect((await move('1.0.0', 'staging')).status).toBe(200);
    expect((await move('1.0.0', 'production')).status).toBe(200);
    expect(await current()).toBe('1.0.0 production');
  });

  it('should show the newest ready version as current only until one has been in production', async () => {
    await fillVersion(service.database, id, '1.0.0');
    expect(await current()).toBe('1.0.0 development');
    await fillVersion(service.database, id, '1.1.0');
    expect(await current()).toBe('1.1.0 development');
    await fillVersion(service.database, id, '1.0.0', 'staging');
    await move('1.0.0', 'production');
    expect(await current()).toBe('1.0.0 production');
    await move('1.0.0', 'archived');
    expect(await current()).toBe('1.0.0 archived');
  });

  it('should list the history in pages, newest first', async () => {
    await fillVersion(service.database, id, '1.0.0');
    const moves: Stage[] = ['staging', 'production', 'archived', 'development', 'staging'];
    for (const to of moves) expect((await move('1.0.0', to)).status).toBe(200);
    for (const limit of [1, 2, 5, 6]) {
      const seen: Stage[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const position: string = cursor && `&cursor=${cursor}`;
        const { body } = await acme.get(`/api/v1/models/${id}/history?limit=${limit}${position}`);
        seen.push(...body.data.map(({ to_stage }: Move) => to_stage));
        cursor = body.page.next_cursor;
      }
      expect(seen).toEqual([...moves].reverse());
    }
  });

  it('should have exactly one production version after ten promotions at once', async () => {
    const versions = Array.from({ length: 10 }, (_, at) => `1.${at}.0`);
    for (const version of versions) await fillVersion(service.database, id, version, 'staging');
    const answers = await Promise.all(versions.map((version) => moveInTurn(version, 'production')));
    expect(answers.map(({ status }) => status)).toEqual(versions.map(() => 200));

    const { data } = (await acme.get(`/api/v1/models/${id}/versions`)).body as {
      data: { version: string; stage: Stage }[];
    };
    expect(data.filter(({ stage }) => stage === 'production')).toHaveLength(1);
    expect(data.filter(({ stage }) => stage === 'archived')).toHaveLength(9);

    // Replayed from the oldest, every move starts where the one before left the version, and no two are in production.
    const stages = new Map<string, Stage>(versions.map((version) => [version, 'staging']));
    for (const { version, from_stage, to_stage } of (await history()).reverse()) {
      expect(stages.get(version)).toBe(from_stage);
      stages.set(version, to_stage);
      expect([...stages.values()].filter((stage) => stage === 'production').length).toBeLessThanOrEqual(1);
    }
    expect(Object.fromEntries(stages)).toEqual(
      Object.fromEntries(data.map(({ version, stage }) => [version, stage])),
    );
  });

  it('should take the same promotion ten times at once exactly once', async () => {
    await fillVersion(service.database, id, '1.0.0', 'staging');
    const answers = await Promise.all(Array.from({ length: 10 }, () => moveInTurn('1.0.0', 'production')));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(409)]);
    expect(await history()).toHaveLength(1);
  });

  describe('rolled back', () => {
    const rollBack = (body?: object, headers = {}) =>
      acme.post(`/api/v1/models/${id}/rollback`, body, headers);
    const promote = async (...versions: string[]) => {
      for (const version of versions) {
        await fillVersion(service.database, id, version, 'staging');
        expect((await move(version, 'production')).status).toBe(200);
      }
    };

    it('should bring back the version that was in production before, and archive the one that is', async () => {
      await promote('1.0.0', '1.1.0');
      const { status, body } = await rollBack({ reason: 'worse since noon' });
      expect({ status, body }).toMatchObject({
        status: 200,
        body: { model_id: id, current_version: '1.0.0', stage: 'production' },
      });
      expect(await stageOf('1.1.0')).toBe('archived');
      expect((await history()).slice(0, 2)).toMatchObject([
        { version: '1.0.0', from_stage: 'archived', to_stage: 'production', reason: 'worse since noon' },
        { version: '1.1.0', from_stage: 'production', to_stage: 'archived' },
      ]);
    });

    it('should need no body, also where the request names a content type', async () => {
      await promote('1.0.0', '1.1.0');
      const json = { 'content-type': 'application/json' };
      expect((await acme.post(`/api/v1/models/${id}/rollback`, '', json)).status).toBe(200);
      expect(await current()).toBe('1.0.0 production');
    });

    it('should say in the history what was rolled back where no reason is given', async () => {
      await promote('1.0.0', '1.1.0');
      expect((await rollBack()).status).toBe(200);
      expect((await history())[0]).toMatchObject({ reason: 'rolled back from version 1.1.0' });
    });

    it('should go one further back each time, and never to what was rolled back', async () => {
      await promote('1.0.0', '1.1.0', '1.2.0');
      expect((await rollBack()).body.current_version).toBe('1.1.0');
      expect((await rollBack()).body.current_version).toBe('1.0.0');
      const { status, body } = await rollBack();
      expect([status, body.code]).toEqual([409, 'STAGE_CONFLICT']);
      expect(body.detail).toBe(
        'No version was in production before version 1.0.0; there is none to go back to.',
      );
      expect(await current()).toBe('1.0.0 production');
    });

    it('should bring back the last one where none is in production any more', async () => {
      await promote('1.0.0', '1.1.0');
      await move('1.1.0', 'archived');
      expect((await rollBack()).body.current_version).toBe('1.1.0');
      await move('1.1.0', 'staging');
      expect((await rollBack()).body.current_version).toBe('1.0.0');
    });

    it('should refuse a version that has left the archive, and say where it is', async () => {
      await promote('1.0.0', '1.1.0');
      await move('1.0.0', 'development');
      const { status, body } = await rollBack();
      expect([status, body.code]).toEqual([409, 'STAGE_CONFLICT']);
      expect(body.detail).toMatch(/^Version 1\.0\.0, .* is in development by now/);
      expect(await current()).toBe('1.1.0 production');
    });

    it.each([
      ['no version was ever in production', []],
      ['only one was', ['1.0.0']],
    ])('should be refused where %s', async (_, versions) => {
      await promote(...versions);
      const before = await current();
      const { status, body } = await rollBack();
      expect([status, body.code]).toEqual([409, 'STAGE_CONFLICT']);
      expect(body.detail).toMatch(/none to go back to/);
      expect(await current()).toBe(before);
    });

    it('should be done once for an Idempotency-Key, and again without', async () => {
      await promote('1.0.0', '1.1.0', '1.2.0');
      const key = { 'idempotency-key': 'after lunch'.replace(' ', '-') + id };
      expect((await rollBack({}, key)).body.current_version).toBe('1.1.0');
      const again = await rollBack({}, key);
      expect(again.body.current_version).toBe('1.1.0');
      expect(again.headers.get('idempotency-replayed')).toBe('true');
      expect(await current()).toBe('1.1.0 production');
      expect((await rollBack()).body.current_version).toBe('1.0.0');
    });

    it('should be done once of ten times at once from the same state', async () => {
      await promote('1.0.0', '1.1.0', '1.2.0');
      const tag = (await acme.get(`/api/v1/models/${id}`)).headers.get('etag') as string;
      const inTurn = async (): Promise<Answer> => {
        const answer = await rollBack({}, { 'if-match': tag });
        return answer.status === 503 ? inTurn() : answer;
      };
      const answers = await Promise.all(Array.from({ length: 10 }, inTurn));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(412)]);
      expect(await current()).toBe('1.1.0 production');
    });

    it.each([
      [{ version: '1.0.0' }, '/version'],
      [{ reason: 7 }, '/reason'],
      [{ reason: null }, '/reason'],
      [{ reason: 'a'.repeat(1001) }, '/reason'],
      [[], ''],
    ])('should refuse the body %j', async (body, pointer) => {
      const answer = await rollBack(body);
      expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, pointer]);
    });

    it('should be for scientists, and only in their own tenant', async () => {
      await promote('1.0.0', '1.1.0');
      for (const [tenant, role, status] of [
        ['acme-corp', 'predictor', 403],
        ['globex', 'admin', 404],
      ] as const) {
        const caller = await service.as(tenant, role);
        expect((await caller.post(`/api/v1/models/${id}/rollback`)).status).toBe(status);
      }
      expect(await current()).toBe('1.1.0 production');
    });
  });

  it('should not delete a model and promote its version both', async () => {
    await fillVersion(service.database, id, '1.0.0', 'staging');
    const admin = await service.as('acme-corp');
    const [promoted, deleted] = await Promise.all([
      move('1.0.0', 'production'),
      admin.delete(`/api/v1/models/${id}`),
    ]);
    expect([
      [200, 409],
      [404, 204],
    ]).toContainEqual([promoted.status, deleted.status]);
  });
});
