// What a plain engineer writes to serve features from Redis: Fastify, ioredis, a hash an entity. No tenants, tokens,
// definitions, time to live or log: node bench/features/plain.mjs <port> <redis url> <key prefix>
import Fastify from 'fastify';
import { Redis } from 'ioredis';

const [port, url, prefix] = process.argv.slice(2);
const redis = new Redis(url);

const body = {
  type: 'object',
  required: ['feature_refs', 'entity_rows'],
  properties: {
    feature_refs: { type: 'array', items: { type: 'string' }, minItems: 1 },
    entity_rows: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['customer_id'],
        properties: { customer_id: { type: 'string' } },
        additionalProperties: false,
      },
    },
  },
  additionalProperties: false,
};

const app = Fastify();
app.get('/healthcheck', () => ({ status: 'ok' }));
app.post(
  '/features/online',
  { schema: { body } },
  async ({ body: { feature_refs: refs, entity_rows: rows } }) => {
    const names = refs.map((ref) => ref.slice(ref.indexOf(':') + 1));
    const held = await hashes(rows, names);
    return {
      results: rows.map((row, at) => {
        const result = { ...row };
        for (const [place, name] of names.entries()) {
          const value = held[at][place];
          result[name] = value === null ? null : Number(value);
        }
        return result;
      }),
    };
  },
);

async function hashes(rows, names) {
  if (rows.length === 1) return [await redis.hmget(prefix + rows[0].customer_id, names)];
  const pipeline = redis.pipeline();
  for (const { customer_id: id } of rows) pipeline.hmget(prefix + id, names);
  return (await pipeline.exec()).map(([error, values]) => {
    if (error) throw error;
    return values;
  });
}

await app.listen({ port: Number(port), host: '127.0.0.1' });
