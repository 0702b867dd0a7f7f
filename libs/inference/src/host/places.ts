/** What holds a place, and may be asked to leave it to others. */
export interface PlaceHolder {
  /** Requests that it has not answered yet; none where it is idle. */
  readonly pending: number;
  /** When it was last asked for something, by `performance.now()`. */
  readonly lastUsed: number;
  /** Has it end once it has answered what it was asked. Absent for what ends by itself. */
  giveWay?(): void;
}

/** Places for processes, which somebody shares among owners; this library only says whose a process is. */
export interface Places {
  /**
   * Waits for a place; where there is one, it is taken before this returns.
   * @param owner opaque: processes of one owner count together
   * @returns gives the place back
   * @throws ModelUnavailable where the owner has its share, or none became free in time
   */
  take(owner: string, holder: PlaceHolder): Promise<() => void>;
  /** Says that a holder has become idle. */
  becameIdle(): void;
}
