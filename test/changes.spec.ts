import { setTimeout as sleep } from 'node:timers/promises';
import { Changes, type Changed } from '../src/platform/changes/changes.js';
import { Database } from '../src/platform/database/database.js';
import { Service } from './support/service.js';

const KIND = 'colour';

/** What changed, in the order in which a handler heard of it; undefined where it was told that anything may have. */
type Heard = (readonly Changed[] | undefined)[];

describe('changes of what servers keep in memory', () => {
  let service: Service;
  let other: Service;
  let database: Database;
  let changes: Changes;
  let elsewhere: Changes;
  let heard: Heard;
  let fails: boolean;

  beforeAll(async () => {
    service = await Service.start();
    other = await Service.start({ beside: service });
    database = service.app.get(Database, { strict: false });
    changes = service.app.get(Changes, { strict: false });
    elsewhere = other.app.get(Changes, { strict: false });
    elsewhere.on(KIND, (news) => {
      if (fails) throw new Error('the database is away');
      heard.push(news);
    });
  });
  afterAll(async () => {
    await other?.stop();
    await service?.stop();
  });
  beforeEach(async () => {
    fails = false;
    await elsewhere.look();
    heard = [];
  });

  const raise = (key: string, kind = KIND, tenant = 'acme-corp') =>
    database.asTenant(tenant, (scope) => changes.raise(scope, kind, key));

  const keys = () => heard.flatMap((news) => news?.map(({ tenant, key }) => `${tenant} ${key}`));

  it('should be heard of elsewhere without being asked for', async () => {
    const revision = await raise('red');
    while (heard.length === 0) await sleep(10);
    expect(heard).toEqual([[expect.objectContaining({ tenant: 'acme-corp', key: 'red', revision })]]);
  });

  it('should be told by tenant and kind, once, and only what changed since', async () => {
    await raise('green', KIND, 'globex');
    await raise('green', 'taste');
    await elsewhere.look();
    await raise('blue');
    await raise('blue');
    await elsewhere.look();
    await elsewhere.look();
    expect(keys().filter((key) => key?.endsWith('green'))).toEqual(['globex green']);
    expect(new Set(keys())).toEqual(new Set(['globex green', 'acme-corp blue']));
  });

  it('should not be told where the transaction does not commit', async () => {
    const work = database.asTenant('acme-corp', async (scope) => {
      await changes.raise(scope, KIND, 'rolled back');
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    await raise('after it');
    await elsewhere.look();
    expect(keys()).toEqual(['acme-corp after it']);
  });

  it('should be told again to a handler that failed', async () => {
    fails = true;
    await raise('grey');
    await expect(elsewhere.look()).rejects.toThrow('the database is away');
    fails = false;
    await raise('white');
    await elsewhere.look();
    expect(new Set(keys())).toEqual(new Set(['acme-corp grey', 'acme-corp white']));
  });

  it('should all be heard of although their transactions take their time', async () => {
    const all = Array.from({ length: 40 }, (_, at) => `shade ${at}`);
    let open = true;
    const looks = (async () => {
      while (open) await elsewhere.look();
    })();
    await Promise.all(
      all.map((key, at) =>
        database.asTenant(`tenant-${at % 3}`, async (scope) => {
          await sleep((at * 7) % 20);
          await changes.raise(scope, KIND, key);
          await sleep((at * 11) % 20);
        }),
      ),
    );
    open = false;
    await looks;
    await elsewhere.look();
    expect(new Set(keys())).toEqual(new Set(all.map((key, at) => `tenant-${at % 3} ${key}`)));
  });

  it('should be forgotten after a day, and whoever has not looked since be told that anything may have changed', async () => {
    fails = true;
    await raise('old');
    await service.database.query(`update changes set changed_at = now() - interval '25 hours'`);
    await raise('new');
    await changes.prune();
    const kept = await service.database.query<{ key: string }>('select key from changes');
    expect(kept).toEqual([{ key: 'new' }]);
    fails = false;
    await elsewhere.look();
    expect(heard[0]).toBeUndefined();

    heard = [];
    await raise('newer');
    await elsewhere.look();
    expect(keys()).toEqual(['acme-corp newer']);
  });

  it('should be told of as unknown where a backup with an earlier state was restored', async () => {
    await service.database.query('truncate changes; update catalog_revision set revision = 1, pruned_to = 0');
    await elsewhere.look();
    expect(heard[0]).toBeUndefined();
    expect(heard.length).toBe(1);
  });

  it('should not be seen by another tenant', async () => {
    await raise('secret');
    const seen = await database.asTenant('globex', ({ manager }) =>
      manager.query(`select key from changes where key = 'secret'`),
    );
    expect(seen).toEqual([]);
  });
});
