import cluster, { type Worker } from 'node:cluster';
import {
  AggregatorRegistry,
  type MetricObjectWithValues,
  type MetricValue,
  type Registry,
} from 'prom-client';

type Part = MetricObjectWithValues<MetricValue<string>>[];

/** Between a process and the one that started it and the others of the same port. */
type Message =
  | { readonly type: 'metrics of all?' | 'metrics of one?'; readonly id: number }
  | { readonly type: 'metrics of all'; readonly id: number; readonly text: string }
  | { readonly type: 'metrics of one'; readonly id: number; readonly part: Part };

/** A process that is busy for longer is left out. */
const TIMEOUT_MS = 2000;

/** In the first process: adds up what the others have counted, whenever one of them is asked. */
export function answerWithMetricsOfAll(): void {
  const asked = new Map<number, (part: Part) => void>();
  let ids = 0;

  const ask = (worker: Worker) =>
    new Promise<Part>((resolve) => {
      const id = ++ids;
      const answer = (part: Part) => {
        clearTimeout(timer);
        asked.delete(id);
        resolve(part);
      };
      const timer = setTimeout(answer, TIMEOUT_MS, []);
      asked.set(id, answer);
      worker.send({ type: 'metrics of one?', id } satisfies Message);
    });

  const answer = async (worker: Worker, id: number) => {
    const others = Object.values(cluster.workers ?? {}).filter((each) => each?.isConnected());
    const parts = await Promise.all(others.map((each) => ask(each!)));
    const text = await AggregatorRegistry.aggregate(parts).metrics();
    if (worker.isConnected()) worker.send({ type: 'metrics of all', id, text } satisfies Message);
  };

  cluster.on('message', (worker, message: Message) => {
    if (message.type === 'metrics of all?') void answer(worker, message.id);
    else if (message.type === 'metrics of one') asked.get(message.id)?.(message.part);
  });
}

/** In one of several processes: how to ask for what all of them have counted. */
export function metricsOfAll(registry: Registry): () => Promise<string> {
  const asked = new Map<number, (text: string) => void>();
  let ids = 0;
  const send = (message: Message) => process.send?.(message);
  process.on('message', (message: Message) => {
    if (message.type === 'metrics of one?') {
      void registry
        .getMetricsAsJSON()
        .then((part) => send({ type: 'metrics of one', id: message.id, part: part as Part }));
    } else if (message.type === 'metrics of all') {
      asked.get(message.id)?.(message.text);
      asked.delete(message.id);
    }
  });
  return () =>
    new Promise((resolve) => {
      const id = ++ids;
      asked.set(id, resolve);
      send({ type: 'metrics of all?', id });
    });
}
