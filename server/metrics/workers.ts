import cluster, { type Worker } from 'node:cluster';
import { ClusterRegistry, Registry, type PrometheusContentType } from '@prometheus-io/client';
import type { Runtime } from '../runtime.ts';

/**
 * What the primary and its workers say to each other, beside what the library says: a worker that
 * begins greets, the primary that gathers welcomes, and a worker that was welcomed asks.
 */
interface Message {
  readonly latchkeyMetrics:
    | { readonly type: 'greeting' | 'welcome' }
    | { readonly type: 'question'; readonly id: string }
    | { readonly type: 'answer'; readonly id: string; readonly text: string | null };
}

/** Both ends are this code, so that whatever has our name is of our form. */
function readMessage(message: unknown): Message['latchkeyMetrics'] | null {
  if (typeof message !== 'object' || message === null) return null;
  return 'latchkeyMetrics' in message ? (message as Message).latchkeyMetrics : null;
}

function sendTo(worker: Worker, message: Message): void {
  if (worker.isConnected()) worker.send(message);
}

/**
 * Has every worker answer with the figures of all: to be called once, in the primary of a cluster,
 * before it forks. The primary's own are not among them.
 */
export function gatherFromWorkers(): void {
  ClusterRegistry.setRegistries([]);
  const all = new ClusterRegistry<PrometheusContentType>();
  cluster.on('message', (worker, content: unknown) => {
    const message = readMessage(content);
    if (message?.type === 'greeting') {
      sendTo(worker, { latchkeyMetrics: { type: 'welcome' } });
    }
    if (message?.type !== 'question') return;
    const { id } = message;
    all.clusterMetrics().then(
      (text) => sendTo(worker, { latchkeyMetrics: { type: 'answer', id, text } }),
      // One of them does not answer: half the figures would look like a day with half the calls.
      () => sendTo(worker, { latchkeyMetrics: { type: 'answer', id, text: null } }),
    );
  });
}

/** A process among those whose figures are gathered. */
export interface GatheredProcess {
  /** The figures of all of them, `null` where nobody gathers any. */
  readAll(): Promise<string | null>;
  /** Leaves what was counted to those that stay. */
  leave(): Promise<void>;
}

/** How long the primary may take to say that it has what a worker leaves, in milliseconds. */
const leaveMs = 1_000;

/** Joins the other workers of a cluster, if this process is one and its primary gathers figures. */
export function joinWorkers(
  registries: readonly Registry<PrometheusContentType>[],
  runtime: Runtime,
): GatheredProcess {
  const { worker } = cluster;
  if (!worker) return { readAll: async () => null, leave: async () => {} };
  let isGathered = false;
  const questions = new Map<string, (text: string | null) => void>();
  ClusterRegistry.setRegistries([...registries]);
  const own = new ClusterRegistry<PrometheusContentType>();

  function hear(content: unknown): void {
    const message = readMessage(content);
    if (message?.type === 'welcome') isGathered = true;
    if (message?.type === 'answer') questions.get(message.id)?.(message.text);
  }

  process.on('message', hear);
  worker.once('disconnect', () => {
    for (const resolve of questions.values()) resolve(null);
  });
  sendTo(worker, { latchkeyMetrics: { type: 'greeting' } });

  return {
    async readAll() {
      if (!isGathered) return null;
      const id = runtime.newId();
      const text = await new Promise<string | null>((resolve) => {
        questions.set(id, resolve);
        if (worker.isConnected()) sendTo(worker, { latchkeyMetrics: { type: 'question', id } });
        else resolve(null);
      });
      questions.delete(id);
      if (text === null) throw new Error('Not every process has told its figures.');
      return text;
    },
    async leave() {
      process.off('message', hear);
      if (!isGathered) return;
      // The library would keep the memory of the dead as well.
      ClusterRegistry.setRegistries(countsOf(registries));
      await shutDown(own);
    },
  };
}

/** What only ever grows. */
function countsOf(
  registries: readonly Registry<PrometheusContentType>[],
): Registry<PrometheusContentType> {
  const counts = new Registry<PrometheusContentType>();
  for (const metric of Registry.merge([...registries]).getMetricsAsArray()) {
    // The array has the metrics themselves, whatever its type says.
    if (metric.type !== 'gauge') counts.registerMetric(metric as never);
  }
  return counts;
}

async function shutDown(own: ClusterRegistry<PrometheusContentType>): Promise<void> {
  // Its types do not have it, for the class that is called so now.
  const { shutdown } = own as unknown as { shutdown(timeoutMs: number): Promise<void> };
  try {
    await shutdown.call(own, leaveMs);
  } catch {
    // Who ends is not to be held up by what is left of its figures.
  }
}
