import { v7 as uuidv7 } from 'uuid';
import { Metrics } from '../../observability/metrics.js';
import type { Changes } from '../../changes/changes.js';
import { digestOf, newApiKey } from './api-key.js';
import { ApiKeyLookup } from './api-key-lookup.js';
import type { ApiKeyUse } from './api-key-use.js';
import { ApiKeyVerifier, KeyRefused } from './api-key-verifier.js';
import type { ApiKeysRepository, SignInKey } from './api-keys.repository.js';

describe('the check of an API key', () => {
  /** The table, and the ids of each query for it. */
  let rows: Map<string, SignInKey>;
  let queries: (readonly string[])[];
  /** Queries that have not been answered, and the most of them at once. */
  let open: number;
  let mostOpen: number;
  let verifier: ApiKeyVerifier;

  beforeEach(() => {
    rows = new Map();
    queries = [];
    open = mostOpen = 0;
    const keys = {
      findForSignIn: async (ids: readonly string[]) => {
        queries.push(ids);
        mostOpen = Math.max(mostOpen, ++open);
        const found = ids.flatMap((id) => rows.get(id) ?? []);
        await new Promise((resolve) => setTimeout(resolve, 10));
        open--;
        return found;
      },
    } as unknown as ApiKeysRepository;
    const use = { note: () => undefined } as unknown as ApiKeyUse;
    verifier = new ApiKeyVerifier(
      new ApiKeyLookup(keys),
      use,
      { on: () => undefined } as unknown as Changes,
      new Metrics(),
    );
  });

  function issued(change: Partial<SignInKey> = {}): string {
    const id = uuidv7();
    const text = newApiKey(id, 'mp_');
    const nothing = { previousDigest: null, previousUntil: null, expiresAt: null, revokedAt: null };
    const key = { id, tenantId: 'acme', prefix: 'mp_', roles: ['viewer' as const], digest: digestOf(text) };
    rows.set(id, { ...key, ...nothing, ...change });
    return text;
  }
  const madeUp = (): string => newApiKey(uuidv7(), 'mp_');
  const refusal = (text: string): Promise<unknown> => verifier.verify(text).catch((error: unknown) => error);

  it('should ask for a key once, whoever comes with it, and for others in the same query', async () => {
    const texts = [issued(), issued(), issued()];
    const identities = await Promise.all([...texts, ...texts].map((text) => verifier.verify(text)));
    expect(identities[0]).toEqual({
      subject: expect.stringMatching(/^key:/),
      apiKey: texts[0]!.slice(0, 25),
      tenant: 'acme',
      roles: ['viewer'],
      expiresAt: Infinity,
    });
    for (const text of texts) await verifier.verify(text);
    expect(queries.map((ids) => ids.length)).toEqual([3]);
  });

  it('should ask by one query at a time, however many keys are made up', async () => {
    const good = issued();
    const first = Array.from({ length: 2500 }, () => refusal(madeUp()));
    await new Promise((resolve) => setTimeout(resolve, 15));
    const later = Array.from({ length: 500 }, () => refusal(madeUp()));
    expect(await verifier.verify(good)).toMatchObject({ tenant: 'acme' });
    for (const error of await Promise.all([...first, ...later])) expect(error).toBeInstanceOf(KeyRefused);
    expect(mostOpen).toBe(1);
    expect(queries.length).toBeLessThanOrEqual(5);
  });

  it('should not ask again for a key that it has just refused', async () => {
    const [unknown, revoked] = [madeUp(), issued({ revokedAt: new Date() })];
    for (let call = 0; call < 5; call++) {
      expect(String(await refusal(unknown))).toContain('not known');
      expect(String(await refusal(revoked))).toContain('revoked');
    }
    expect(queries).toHaveLength(2);
  });

  it('should keep known keys while others are made up', async () => {
    const good = issued();
    await verifier.verify(good);
    await Promise.all(Array.from({ length: 11_000 }, () => refusal(madeUp())));
    const before = queries.length;
    await verifier.verify(good);
    expect(queries).toHaveLength(before);
  });

  it('should tell of what changed, and of nothing else', async () => {
    const [one, other, gone] = [issued(), issued(), issued()];
    await Promise.all([one, other, gone].map((text) => verifier.verify(text)));
    const told: string[] = [];
    verifier.whenChanged((subject) => told.push(subject));
    await verifier.refresh();
    expect(told).toEqual([]);

    const [changed, , deleted] = [...rows.values()];
    rows.set(changed!.id, { ...changed!, revokedAt: new Date() });
    rows.delete(deleted!.id);
    await verifier.refresh();
    expect(told.sort()).toEqual([`key:${changed!.id}`, `key:${deleted!.id}`].sort());
    expect(String(await refusal(one))).toContain('revoked');
    expect(String(await refusal(gone))).toContain('not known');
    expect(await verifier.verify(other)).toMatchObject({ tenant: 'acme' });
  });

  it('should tell of a rotation that it learns of by the new secret', async () => {
    const old = issued();
    const { subject } = await verifier.verify(old);
    const told: string[] = [];
    verifier.whenChanged((each) => told.push(each));
    const [row] = [...rows.values()];
    const made = newApiKey(row!.id, 'mp_');
    rows.set(row!.id, { ...row!, digest: digestOf(made) });
    expect(await verifier.verify(made)).toMatchObject({ subject });
    expect(told).toEqual([subject]);
    expect(String(await refusal(old))).toContain('not known');
  });

  it('should believe the younger of two answers', async () => {
    const text = issued();
    const [row] = [...rows.values()];
    const first = verifier.verify(text);
    // The first query has been sent, and has yet to answer.
    while (open === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    rows.set(row!.id, { ...row!, revokedAt: new Date() });
    await verifier.refresh([row!.id]);
    await first.catch(() => undefined);
    expect(String(await refusal(text))).toContain('revoked');
  });

  it('should tell of the keys for which it has no more room', async () => {
    const first = issued();
    const { subject } = await verifier.verify(first);
    const told = new Set<string>();
    verifier.whenChanged((subject) => told.add(subject));
    await Promise.all(Array.from({ length: 10_000 }, () => verifier.verify(issued())));
    expect(told.size).toBe(1);
    expect(told).toContain(subject);
  });

  it('should fail with what the query fails with', async () => {
    const broken = new Error('the database is away');
    const keys = { findForSignIn: () => Promise.reject(broken) } as unknown as ApiKeysRepository;
    const lookup = new ApiKeyLookup(keys);
    await expect(lookup.find(uuidv7())).rejects.toBe(broken);
    await expect(lookup.find(uuidv7())).rejects.toBe(broken);
  });
});
