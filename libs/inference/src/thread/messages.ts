/** A tensor between threads: its memory moves, unless it is text. */
export interface SentTensor {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
}

export type Request =
  | { readonly type: 'load'; readonly id: number; readonly graph: number; readonly bytes: Uint8Array }
  | {
      readonly type: 'run';
      readonly id: number;
      readonly graph: number;
      readonly feeds: readonly SentTensor[];
      readonly fetches: readonly string[];
    }
  | { readonly type: 'release'; readonly graph: number };

export type Reply =
  | { readonly id: number; readonly outputs: readonly SentTensor[] }
  | { readonly id: number; readonly error: string };
