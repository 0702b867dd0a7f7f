import { Injectable } from '@nestjs/common';
import type { ReceivedObject } from '../../platform/storage/artifacts.js';

/** Makes one file of a version that names members. @throws Problem 409 or 422 where that cannot be */
type MakeArtifact = (tenant: string, modelId: string, version: string) => Promise<ReceivedObject>;

/** A version of an ensemble has no file; the module that can make one of its members' files says so here. */
@Injectable()
export class CombinedArtifacts {
  private maker?: MakeArtifact;

  madeBy(maker: MakeArtifact): void {
    this.maker = maker;
  }

  /** A file that is made anew, as what a caller sends is received: whoever asked for it discards it. @throws Problem */
  make(tenant: string, modelId: string, version: string): Promise<ReceivedObject> {
    if (!this.maker) throw new Error('no module makes files of ensembles');
    return this.maker(tenant, modelId, version);
  }
}
