import type { HostProcess } from './host-process.js';
import type { PlaceHolder, Places } from './places.js';

/** One process of a model, from the wait for its place to its end. */
export class HeldProcess implements PlaceHolder {
  pending = 0;
  lastUsed = performance.now();
  private readonly started: Promise<HostProcess>;
  private host?: HostProcess;
  private isLeaving = false;

  /**
   * @param start is called once there is a place
   * @param gone is called once nobody should use this any more
   */
  constructor(
    private readonly owner: string,
    private readonly places: Places,
    start: () => Promise<HostProcess>,
    private readonly gone: (held: HeldProcess) => void,
  ) {
    this.started = this.begin(start);
  }

  get pid(): number | undefined {
    return this.host?.pid;
  }

  /** Waits for the process, which does not end while `work` uses it unless it fails. @throws what `start` and `work` throw */
  async use<T>(work: (host: HostProcess) => Promise<T>): Promise<T> {
    this.pending++;
    try {
      return await work(await this.started);
    } finally {
      this.pending--;
      this.lastUsed = performance.now();
      if (this.pending === 0) {
        if (this.isLeaving) void this.host?.stop();
        else this.places.becameIdle();
      }
    }
  }

  giveWay(): void {
    this.isLeaving = true;
    this.gone(this);
    if (this.pending === 0) void this.host?.stop();
  }

  async stop(): Promise<void> {
    this.gone(this);
    const host = await this.started.catch(() => undefined);
    await host?.stop();
  }

  private async begin(start: () => Promise<HostProcess>): Promise<HostProcess> {
    let leave: (() => void) | undefined;
    try {
      leave = await this.places.take(this.owner, this);
      this.host = await start();
    } catch (error) {
      leave?.();
      this.gone(this);
      throw error;
    }
    void this.host.exited.then(() => {
      leave();
      this.gone(this);
    });
    return this.host;
  }
}
