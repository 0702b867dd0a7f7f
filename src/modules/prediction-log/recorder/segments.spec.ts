import { mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HEADER_BYTES } from './frame.js';
import { Segments } from './segments.js';

const LIMITS = { maxBytes: 2 ** 30, segmentBytes: 2 ** 24 };

describe('segments', () => {
  let folder: string;
  let torn: number;
  const opened: Segments[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'segments-'));
    torn = 0;
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((segments) => segments.close()));
    await rm(folder, { recursive: true });
  });

  async function begin(limits = LIMITS): Promise<Segments> {
    const segments = await Segments.open(folder, limits, (rows) => (torn += rows));
    opened.push(segments);
    return segments;
  }

  /** As kill -9 leaves it: files, and a lock that nobody holds. */
  async function abandon(segments: Segments): Promise<void> {
    opened.splice(opened.indexOf(segments), 1);
    await segments.close();
  }

  async function drain(segments: Segments): Promise<string[]> {
    const texts: string[] = [];
    for (let batch = await segments.next(); batch; batch = await segments.next()) {
      texts.push(batch.text);
      await segments.done(batch);
    }
    return texts;
  }

  const files = async () => (await readdir(folder)).filter((name) => name.endsWith('.segment'));

  it('should give back what was put in, in its order, and then be empty', async () => {
    const segments = await begin();
    await segments.append(1, '1');
    expect(await segments.next()).toMatchObject({ rows: 1, text: '1' });
    await segments.append(2, '2,"é😀"');
    await segments.append(1, '4');
    expect([segments.rows, segments.bytes]).toEqual([4, 3 * HEADER_BYTES + 12]);
    expect((await drain(segments)).join(',')).toBe('1,2,"é😀",4');
    expect([segments.rows, segments.bytes]).toEqual([0, 0]);
    await segments.append(1, '5');
    expect(await drain(segments)).toEqual(['5']);
  });

  it('should keep what was asked for and not done', async () => {
    const segments = await begin();
    await segments.append(1, '1');
    await segments.next();
    expect(await drain(segments)).toEqual(['1']);
  });

  it('should go on in a new file past their length, and delete the old', async () => {
    const segments = await begin({ ...LIMITS, segmentBytes: 100 });
    const texts = Array.from({ length: 20 }, (_, at) => `"row ${at} of a segment"`);
    for (const text of texts) await segments.append(1, text);
    expect((await files()).length).toBeGreaterThan(3);
    expect((await drain(segments)).join(',')).toBe(texts.join(','));
    expect(await files()).toHaveLength(1);
    expect(segments.bytes).toBe(0);
  });

  it('should read frames that are larger than a batch', async () => {
    const segments = await begin();
    const large = `"${'x'.repeat(3 * 2 ** 20)}"`;
    for (const text of ['1', large, '2']) await segments.append(1, text);
    expect((await drain(segments)).join(',')).toBe(['1', large, '2'].join(','));
  });

  it('should take no more than they may', async () => {
    const segments = await begin({ ...LIMITS, maxBytes: 100 });
    expect(await segments.append(1, '"x"'.repeat(20))).toBe(true);
    expect(await segments.append(1, '"x"'.repeat(20))).toBe(false);
    expect(await drain(segments)).toHaveLength(1);
    expect(await segments.append(1, '"x"'.repeat(20))).toBe(true);
  });

  it('should not be readable by others', async () => {
    await (await begin()).append(1, '1');
    const [name] = await files();
    expect((await stat(join(folder, name as string))).mode & 0o777).toBe(0o600);
  });

  describe('of a process that is gone', () => {
    async function left(...texts: string[]): Promise<string> {
      const gone = await begin();
      for (const text of texts) await gone.append(1, text);
      await abandon(gone);
      return join(folder, (await files())[0] as string);
    }

    it('should be adopted with what was not done, once', async () => {
      await left('1', '2');
      const [one, other] = [await begin(), await begin()];
      await one.append(1, '3');
      const adopted = await Promise.all([one.adopt(), other.adopt()]);
      expect(adopted.sort()).toEqual([0, 1]);
      expect(one.rows + other.rows).toBe(3);
      expect([...(await drain(one)), ...(await drain(other))].sort()).toEqual(['1,2', '3']);
      expect(torn).toBe(0);
      expect(await files()).toHaveLength(1);
    });

    it('should leave those of a process that lives alone', async () => {
      const living = await begin();
      await living.append(1, '1');
      expect(await (await begin()).adopt()).toBe(0);
      expect(await drain(living)).toEqual(['1']);
    });

    it.each([1, 3, HEADER_BYTES, HEADER_BYTES + 2])(
      'should be read up to a last frame that lacks %d bytes, which is counted',
      async (lacking) => {
        const file = await left('"first"', '"last"');
        await truncate(file, (await stat(file)).size - lacking);
        const segments = await begin();
        await segments.adopt();
        expect(await drain(segments)).toEqual(['"first"']);
        expect(torn).toBe(1);
        expect(await files()).toEqual([]);
        await segments.append(1, '2');
        expect(await drain(segments)).toEqual(['2']);
      },
    );

    it('should be read around a frame that the disk changed', async () => {
      const file = await left('"first"', '"second"', '"third"');
      const bytes = await readFile(file);
      bytes[bytes.indexOf('second')] = 0x53;
      await writeFile(file, bytes);
      const segments = await begin();
      await segments.adopt();
      expect(await drain(segments)).toEqual(['"first","third"']);
      expect([torn, segments.rows]).toEqual([1, 0]);
    });

    it('should be let go where they hold anything else', async () => {
      const file = await left('1');
      const handle = await open(file, 'w');
      await handle.write('something else'.repeat(10));
      await handle.close();
      const segments = await begin();
      await segments.adopt();
      expect(await drain(segments)).toEqual([]);
      expect(torn).toBe(1);
    });
  });

  it('should say where their folder cannot have a lock', async () => {
    const deep = join(folder, 'x'.repeat(100));
    await expect(Segments.open(deep, LIMITS, () => undefined)).rejects.toThrow(/more than the 103 bytes/);
  });
});
