import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiKeysRepository, type SignInKey } from './api-keys.repository.js';

/** For so long a look-up waits for others to go with it. */
const GATHER_MS = 5;
const MAX_TOGETHER = 1000;

interface Waiting {
  readonly found: Promise<SignInKey | undefined>;
  resolve(key: SignInKey | undefined): void;
  reject(error: unknown): void;
}

/**
 * Finds keys in the database, many in one query and one query at a time: however many keys strangers make up, the
 * database is asked as often as it answers, and never by more than one connection of this process.
 */
@Injectable()
export class ApiKeyLookup {
  private waiting = new Map<string, Waiting>();
  private isAsking = false;

  constructor(private readonly keys: ApiKeysRepository) {}

  /** @throws DatabaseUnavailable */
  find(id: string): Promise<SignInKey | undefined> {
    let waiting = this.waiting.get(id);
    if (!waiting) {
      waiting = newWaiting();
      this.waiting.set(id, waiting);
      if (!this.isAsking) void this.askForAll();
    }
    return waiting.found;
  }

  private async askForAll(): Promise<void> {
    this.isAsking = true;
    while (this.waiting.size > 0) {
      await sleep(GATHER_MS);
      const asked = [...this.waiting].slice(0, MAX_TOGETHER);
      // Whoever asks from now on must see what is written from now on.
      for (const [id] of asked) this.waiting.delete(id);
      await this.keys.findForSignIn(asked.map(([id]) => id)).then(
        (found) => {
          const byId = new Map(found.map((key) => [key.id, key]));
          for (const [id, { resolve }] of asked) resolve(byId.get(id));
        },
        (error: unknown) => asked.forEach(([, { reject }]) => reject(error)),
      );
    }
    this.isAsking = false;
  }
}

function newWaiting(): Waiting {
  let settle!: Pick<Waiting, 'resolve' | 'reject'>;
  const found = new Promise<SignInKey | undefined>((resolve, reject) => (settle = { resolve, reject }));
  return { found, ...settle };
}
