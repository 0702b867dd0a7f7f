import type { Client } from './client.js';

/** Bodies of definitions by name, as they are put. */
export interface FeatureDefinitions {
  entities?: Record<string, object>;
  views?: Record<string, object>;
  services?: Record<string, object>;
}

/** Of customers, as the examples of the API have them. */
export const CUSTOMER_FEATURES = [
  { name: 'total_orders', type: 'int64' },
  { name: 'avg_order_value', type: 'float64' },
  { name: 'days_since_last_order', type: 'int64' },
];

const CUSTOMERS: FeatureDefinitions = {
  entities: { customer: { keys: [{ name: 'customer_id', type: 'string' }] } },
  views: {
    customer_features: {
      entities: ['customer'],
      source: { path: 's3://data/customers.parquet' },
      timestamp_column: 'event_timestamp',
      features: CUSTOMER_FEATURES,
    },
  },
};

/** Defines the customers of the API's examples, and more beside them. */
export function defineCustomers(client: Client, more: FeatureDefinitions = {}): Promise<void> {
  return putFeatures(client, { ...CUSTOMERS, ...more });
}

/** Puts entities, then views, then services. */
export async function putFeatures(client: Client, definitions: FeatureDefinitions): Promise<void> {
  for (const kind of ['entities', 'views', 'services'] as const)
    for (const [name, body] of Object.entries(definitions[kind] ?? {})) {
      const answer = await client.put(`/api/v1/features/${kind}/${name}`, body);
      if (answer.status >= 300) throw new Error(`${kind}/${name}: ${JSON.stringify(answer.body)}`);
    }
}
