import { FEATURES } from './support/churn.js';
import type { Answer, Client } from './support/client.js';
import type { Service } from './support/service.js';
import { startWithModels, type TrainedModels } from './support/trained-models.js';

const ROWS = [
  FEATURES,
  { total_orders: 2, days_since_last_order: 330, avg_order_value: 20.25, support_tickets: 9 },
  { total_orders: 40, days_since_last_order: 3, avg_order_value: 310, support_tickets: 0 },
];

describe('what the prediction of an ensemble costs', () => {
  let service: Service;
  let acme: Client;
  let models: TrainedModels;
  let made = 0;

  beforeAll(async () => {
    // One token a minute comes back.
    const env = { MODELPLANE_RATE_LIMIT_PER_MINUTE: '1', MODELPLANE_RATE_LIMIT_BURST: '10000' };
    ({ service, models } = await startWithModels({ env }));
    acme = await service.as('acme-corp');
  });
  afterAll(() => service?.stop());

  async function ensembleOf(ids: readonly string[], more: object = {}): Promise<string> {
    const request = {
      name: `paid ${++made}`,
      method: 'voting_soft',
      models: ids.map((model_id) => ({ model_id })),
      ...more,
    };
    const { status, body } = await acme.post('/api/v1/ensembles', request);
    expect({ status, body }).toMatchObject({ status: 201 });
    return body.ensemble_id;
  }

  const remaining = ({ headers }: Answer): number =>
    Number(/;r=(\d+);/.exec(headers.get('ratelimit') ?? '')![1]);

  /** Tokens that a request takes, with what is charged for it afterwards. */
  async function costOf(ask: () => Promise<Answer>): Promise<{ tokens: number; answer: Answer }> {
    const before = remaining(await acme.get('/api/v1/models'));
    const answer = await ask();
    return { tokens: before - remaining(await acme.get('/api/v1/models')) - 1, answer };
  }

  const predict = (model_id: string, features: unknown = ROWS, options: object = {}) =>
    costOf(() => acme.post('/api/v1/predictions', { model_id, features, options }));

  it('should be a token a row of each model that is asked', async () => {
    const three = await ensembleOf([models.churn, models.churnOfForest, models.churnWithoutTickets]);
    expect(await predict(models.churn)).toMatchObject({ tokens: 3 });
    expect(await predict(three)).toMatchObject({ tokens: 9, answer: { status: 200 } });
    expect(await predict(three, FEATURES)).toMatchObject({ tokens: 3 });
    const nested = await ensembleOf([three, models.churn]);
    expect(await predict(nested)).toMatchObject({ tokens: 12 });
    const explained = await predict(three, FEATURES, { return_explanation: true });
    expect(explained).toMatchObject({ tokens: 300, answer: { status: 200 } });
  });

  it('should be of those that a cascade got to', async () => {
    const cascade = { strategy: 'cascade', threshold: 0.9, min_models_required: 1 };
    const id = await ensembleOf([models.churn, models.churnOfForest, models.churnWithoutTickets], cascade);
    const { tokens, answer } = await predict(id);
    const asked: number[] = answer.body.members_asked;
    expect(new Set(asked).size).toBeGreaterThan(1);
    expect(tokens).toBe(asked.reduce((sum, models) => sum + models, 0));
    const outer = await ensembleOf([id, models.churn]);
    expect(await predict(outer)).toMatchObject({ tokens: tokens + 3 });
  });

  it('should be its rows where it is refused', async () => {
    const id = await ensembleOf([models.churn, models.churnOfForest]);
    const refused = await predict(id, [{ ...FEATURES, total_orders: 'many' }, FEATURES]);
    expect(refused).toMatchObject({ tokens: 2, answer: { status: 422 } });
  });
});
