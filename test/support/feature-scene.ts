import { type Row, jsonLines, parseLines, rowsOf, download } from './batches.js';
import type { Answer, Client } from './client.js';
import { CUSTOMER_FEATURES } from './features.js';
import { Service, type ServiceOptions } from './service.js';

export const FEATURES_PATH = '/api/v1/features';
export const MATERIALIZE = `${FEATURES_PATH}/materialize`;
export const HISTORICAL = `${FEATURES_PATH}/historical`;

/** A service with the entity `customer` of the tenant `acme-corp`, and how the specs of features use it. */
export class FeatureScene {
  private constructor(
    readonly service: Service,
    readonly acme: Client,
  ) {}

  static async start(options: ServiceOptions = {}): Promise<FeatureScene> {
    const service = await Service.start({ role: 'all', ...options });
    return FeatureScene.on(service);
  }

  static async on(service: Service): Promise<FeatureScene> {
    const scene = new FeatureScene(service, await service.as('acme-corp', 'scientist'));
    await scene.define('entities/customer', { keys: [{ name: 'customer_id', type: 'string' }] });
    return scene;
  }

  stop(): Promise<void> {
    return this.service.stop();
  }

  /** Puts a file into `s3://data/`. */
  async put(name: string, content: string | Buffer | Row[]): Promise<void> {
    const body = Array.isArray(content) ? jsonLines(content) : content;
    expect((await this.acme.put(`/api/v1/objects/data/${name}`, body)).status).toBe(200);
  }

  async define(path: string, body: object): Promise<void> {
    const { status, body: answer } = await this.acme.put(`${FEATURES_PATH}/${path}`, body);
    if (status >= 300) throw new Error(`${path}: ${status} ${JSON.stringify(answer)}`);
  }

  /** A view of customers over `s3://data/<name>/`, which has these rows; a column `ts` is their time. */
  async view(name: string, rows: Row[], more: object = {}): Promise<void> {
    await this.put(`${name}/first.jsonl`, rows);
    await this.define(`views/${name}`, {
      entities: ['customer'],
      source: { path: `s3://data/${name}/`, format: 'json_lines' },
      timestamp_column: 'ts',
      features: CUSTOMER_FEATURES,
      ...more,
    });
  }

  /** Submits a job, waits for its end. */
  async run(path: string, request: object): Promise<Row> {
    const { status, body } = await this.acme.post(path, request);
    expect({ status, body }).toMatchObject({ status: 202 });
    return (await this.acme.waitForJob(`${path}/${body.job_id}`)).body;
  }

  /** What a materialization of one view did. */
  // Tests look into results of every shape.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  async materialize(view: string, request: object = {}): Promise<any> {
    const job = await this.run(MATERIALIZE, { feature_views: [view], ...request });
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    return (job.result as { views: Row[] }).views[0];
  }

  /** A historical set, and its rows. */
  async join(request: object): Promise<{ job: Row; result: Row; rows: Row[] }> {
    const job = await this.run(HISTORICAL, { name: 'set', ...request });
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    const result = job.result as Row;
    return { job, result, rows: await this.read(result.path as string) };
  }

  /** Rows of a Parquet or JSON lines file. */
  async read(uri: string): Promise<Row[]> {
    const content = await download(this.acme, uri.slice('s3://'.length));
    return uri.endsWith('.jsonl') ? parseLines(content) : rowsOf({ files: new Map([['file', content]]) });
  }

  /** The online values of a feature by customer. */
  async online(reference: string, ...customers: string[]): Promise<unknown[]> {
    const entity_rows = customers.map((customer_id) => ({ customer_id }));
    const { status, body } = await this.ask({ feature_refs: [reference], entity_rows });
    expect({ status, body }).toMatchObject({ status: 200 });
    const [, name] = reference.split(':') as [string, string];
    return body.results.map((row: Row) => row[name]);
  }

  ask(request: object): Promise<Answer> {
    return this.acme.post(`${FEATURES_PATH}/online`, request);
  }

  push(view: string, rows: Row[], to?: string): Promise<Answer> {
    return this.acme.post(`${FEATURES_PATH}/push`, { view, rows, ...(to && { to }) });
  }
}

/** So many hours ago, ISO 8601. */
export const hoursAgo = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString();
