import { Injectable } from '@nestjs/common';

/** How busy the main thread of this process is. HTTP's accept queue says it, and others read it. */
@Injectable()
export class Load {
  /** Requests that the main thread has still to answer beside the one that it has at hand. */
  waiting = 0;

  /** Whether nobody waits for the main thread while it works on the request at hand. */
  get isAlone(): boolean {
    return this.waiting === 0;
  }
}
