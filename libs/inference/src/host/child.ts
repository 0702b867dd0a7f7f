// A process that holds one uploaded model: the file comes on standard input, requests and replies as messages.
import type { Tensor } from 'onnxruntime-node';
import { InferenceError } from '../errors.js';
import { scanGraph } from '../gate/scan.js';
import type { LocalGraph } from '../local-graph.js';
import type { LoadRequest, Reply, Request, RunRequest } from './messages.js';

const OUT_OF_MEMORY = /bad_alloc|allocat|out of memory/i;

const sizeBytes = Number(process.argv[2]);
let bytes: Buffer | undefined;
let session: LocalGraph | undefined;

process.on('message', (request: Request) => {
  void (request.type === 'load' ? load(request) : run(request));
});
process.on('disconnect', () => process.exit(0));
await receive();

/** Reads the file into one piece of memory and looks at it before anything loads it. */
async function receive(): Promise<void> {
  try {
    const whole = Buffer.allocUnsafe(sizeBytes);
    let length = 0;
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) length += chunk.copy(whole, length);
    if (length !== sizeBytes) throw new Error(`${length} of ${sizeBytes} bytes arrived`);
    bytes = whole;
    reply({ type: 'scanned', graph: scanGraph(whole) });
  } catch (error) {
    refuse(error, 'the file could not be read');
  }
}

async function load({ definition, sha256 }: LoadRequest): Promise<void> {
  try {
    if (!bytes) throw new Error('there is no file');
    // The runtime is imported only here: a file that the scan refuses never meets it, and is refused twice as fast.
    const { openGraph } = await import('../open-graph.js');
    session = await openGraph(bytes, definition, sha256);
    bytes = undefined;
    reply({ type: 'ready' });
  } catch (error) {
    refuse(error, 'the runtime cannot load the graph');
  }
}

async function run({ id, feeds, fetches, maxValues }: RunRequest): Promise<void> {
  try {
    if (!session) throw new Error('there is no graph');
    // This module imports the runtime, so it must not be loaded before a graph has passed the scan.
    const { toFeeds, toSent } = await import('../sent-tensor.js');
    const outputs: Record<string, Tensor> = session.runNow(toFeeds(feeds), fetches) as never;
    for (const name of fetches) {
      const { size } = outputs[name]!;
      if (size > maxValues) throw new TooLarge(`the output '${name}' has ${size} values`);
    }
    reply({ type: 'answer', id, outputs: toSent(outputs, fetches) });
  } catch (error) {
    const { message } = error as Error;
    const shown =
      error instanceof TooLarge
        ? message
        : OUT_OF_MEMORY.test(message)
          ? 'the model needs more memory than it may use'
          : 'the model failed on this input';
    reply({ type: 'failed', id, message: shown, cause: message });
  }
}

class TooLarge extends Error {}

function refuse(error: unknown, otherwise: string): void {
  const { message, cause } = error as Error;
  const detail = cause instanceof Error ? `${message}: ${cause.message}` : message;
  if (OUT_OF_MEMORY.test(detail)) {
    reply({
      type: 'refused',
      message: 'loading the graph needs more memory than a model may use',
      cause: detail,
    });
  } else if (error instanceof InferenceError) {
    reply({ type: 'refused', message, cause: detail });
  } else reply({ type: 'refused', message: otherwise, cause: detail });
}

function reply(message: Reply): void {
  process.send!(message);
}
