import { setTimeout as sleep } from 'node:timers/promises';
import { UploadedModels } from '../src/platform/inference/inference.module.js';
import type { Answer, Client } from './support/client.js';
import { Service } from './support/service.js';
import { makeUploads, registerModel, upload } from './support/uploads.js';

const PROCESSES = 3;
const FOUR = { features: ['a', 'b', 'c', 'd'] };

describe('processes of uploaded models that tenants share', () => {
  let service: Service;
  let attacker: Client;
  let victim: Client;
  let packed: Buffer;

  beforeAll(async () => {
    service = await Service.start({
      env: {
        MODELPLANE_UPLOADED_MODEL_PROCESSES: String(PROCESSES),
        MODELPLANE_UPLOADED_MODEL_RUN_SECONDS: '60',
      },
    });
    attacker = await service.as('acme-corp');
    victim = await service.as('globex');
    packed = (await makeUploads()).get('good-packed.onnx')!;
  });
  afterAll(() => service?.stop());

  const ask = (client: Client, model_id: string) =>
    client.post('/api/v1/predictions', { model_id, features: { a: 1, b: 2, c: 3, d: 4 } });

  async function uploaded(client: Client): Promise<string> {
    const id = await registerModel(client, 'classification');
    const { status } = await upload(client, id, packed, FOUR);
    expect(status).toBe(201);
    return id;
  }

  const statuses = (answers: Answer[]) => [...new Set(answers.map(({ status }) => status))].sort();

  it('should answer a tenant with one model, and take its uploads, whatever another one keeps busy', async () => {
    const models: string[] = [];
    for (let model = 0; model < 4; model++) models.push(await uploaded(attacker));
    let isOver = false;
    const flood = models.flatMap((model) =>
      [1, 2].map(async () => {
        const answers: Answer[] = [];
        while (!isOver) {
          const answer = await ask(attacker, model);
          answers.push(answer);
          // Refusals cost so little that their number alone would keep this process busy.
          if (answer.status === 503) await sleep(50);
        }
        return answers;
      }),
    );
    const own = await uploaded(victim);
    const answers: Answer[] = [];
    for (let request = 0; request < 20; request++)
      answers.push(...(await Promise.all([ask(victim, own), ask(victim, own)])));
    await uploaded(victim);
    isOver = true;
    const attacks = (await Promise.all(flood)).flat();

    expect(statuses(answers)).toEqual([200]);
    // Who asks for more than there is is refused, and goes on with what it has.
    expect(statuses(attacks)).toEqual([200, 503]);
    for (const { body, headers } of attacks.filter(({ status }) => status === 503)) {
      expect(body.code).toBe('MODEL_UNAVAILABLE');
      expect(body.detail).toMatch(/your share of the 3 processes for uploaded models is busy/);
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    expect(service.app.get(UploadedModels).processIds.length).toBeLessThanOrEqual(PROCESSES);
  });

  it('should have uploads wait for their turn, and refuse too many of one tenant', async () => {
    const id = await registerModel(attacker, 'classification');
    const flood = Array.from({ length: 12 }, () => upload(attacker, id, packed, FOUR));
    const [own, ...attacks] = await Promise.all([uploaded(victim), ...flood]);
    expect(own).toEqual(expect.any(String));
    expect(statuses(attacks)).toEqual([201, 503]);
    const refused = attacks.filter(({ status }) => status === 503);
    for (const { body, headers } of refused) {
      expect([body.code, body.detail]).toEqual([
        'OVERLOADED',
        expect.stringMatching(/uploads wait for their trial/),
      ]);
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    expect(refused.length).toBeLessThan(5);
  });
});
