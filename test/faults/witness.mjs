import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A tenant at work while parts die: writes objects and models one after the other, keeps what was acknowledged, and
 * asks a loaded model for predictions all the time.
 */
export class Witness {
  objects = new Map();
  models = new Map();
  predictions = { answered: 0, refused: [] };
  #working = true;
  #loops;

  constructor(caller, prediction) {
    this.caller = caller;
    this.#loops = [this.#write(), this.#predict(prediction)];
  }

  async stop() {
    this.#working = false;
    await Promise.all(this.#loops);
  }

  async #write() {
    for (let number = 0; this.#working; number += 1, await sleep(100)) {
      const content = randomBytes(50_000);
      const object = await this.caller.once('PUT', `/api/v1/objects/data/witness-${number}`, content);
      if (object.status === 200)
        this.objects.set(`witness-${number}`, createHash('sha256').update(content).digest('hex'));
      const name = `witness-${number}`;
      const model = await this.caller.once('POST', '/api/v1/models', {
        name,
        model_type: 'regression',
        framework: 'onnx',
      });
      if (model.status === 201) this.models.set(name, model.body.model_id);
      this.#unexpected('PUT object', object);
      this.#unexpected('POST model', model);
    }
  }

  /** A fault may cost an answer or delay it; it may never look like a defect or a refusal. */
  failures = [];
  #unexpected(request, { status, body }) {
    if (![0, 200, 201, 503].includes(status)) this.failures.push({ request, status, body });
  }

  async #predict(prediction) {
    for (; this.#working; await sleep(20)) {
      const at = Date.now();
      const { status, body } = await this.caller.once('POST', '/api/v1/predictions', prediction);
      if (status === 200) this.predictions.answered += 1;
      else this.predictions.refused.push({ at, status, code: body?.code });
    }
  }
}
