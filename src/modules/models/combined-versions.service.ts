import { Injectable } from '@nestjs/common';
import type { ReceivedObject } from '../../platform/storage/artifacts.js';
import type { CombinedCardBody } from './model-card.dto.js';

/** What is made of versions of ensembles, which have no files, when it is asked for. */
export interface CombinedVersionMaker {
  /**
   * One file, as what a caller sends is received: whoever asks for it discards it.
   * @throws Problem 409 or 422 where one file cannot answer as the version does
   */
  artifact(tenant: string, modelId: string, version: string): Promise<ReceivedObject>;

  /** The model card, and as a page of Markdown below its heading. */
  card(tenant: string, modelId: string, version: string): Promise<{ json: CombinedCardBody; page: string }>;
}

/** The module that knows ensembles says here how it is made. */
@Injectable()
export class CombinedVersions {
  private maker?: CombinedVersionMaker;

  madeBy(maker: CombinedVersionMaker): void {
    this.maker = maker;
  }

  get make(): CombinedVersionMaker {
    if (!this.maker) throw new Error('no module makes anything of versions of ensembles');
    return this.maker;
  }
}
