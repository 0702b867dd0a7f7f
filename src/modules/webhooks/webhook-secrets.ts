import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { WebhooksConfig } from '../../config/index.js';
import { SECRET_PREFIX } from './receivers/signature.js';
import type { Webhook } from './webhook.entity.js';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SECRET_BYTES = 32;

/**
 * Signing secrets, which are encrypted in the database: unlike that of an API key the text has to be had again. The id of
 * the webhook is authenticated with it, so that a secret that was copied to another row cannot be read.
 */
@Injectable()
export class WebhookSecrets {
  private readonly key: Buffer;

  constructor(config: WebhooksConfig) {
    this.key = Buffer.from(hkdfSync('sha256', config.key, '', 'secrets of webhooks', 32));
  }

  make(): string {
    return SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('base64');
  }

  /** @returns nonce, ciphertext and tag */
  seal(webhookId: string, secret: string): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.key, nonce).setAAD(Buffer.from(webhookId));
    return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  }

  /**
   * The secrets with which a delivery is signed now: the present one, and for a while after a rotation that of before.
   * @throws where they were encrypted with another key
   */
  of({ id, secret, previousSecret, previousUntil }: Webhook): string[] {
    const isPreviousValid = previousUntil !== null && previousUntil.getTime() > Date.now();
    return [secret, ...(previousSecret && isPreviousValid ? [previousSecret] : [])].map((sealed) =>
      this.open(id, sealed),
    );
  }

  private open(webhookId: string, sealed: Buffer): string {
    const decipher = createDecipheriv(CIPHER, this.key, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(webhookId)).setAuthTag(sealed.subarray(-TAG_BYTES));
    return decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)).toString() + decipher.final().toString();
  }
}
