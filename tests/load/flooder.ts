/**
 * A process that does nothing but sign in, on so many connections at once, each asking again as
 * soon as it is answered: the load must not take its time from whoever measures the others.
 */
import { setPriority } from 'node:os';
import { openConnection, requestOf } from './connection.ts';
import { percentilesOf, type Percentiles } from './percentiles.ts';

export interface FloodOrder {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
}

/** What those who flooded were answered. */
export interface FloodReport {
  readonly statuses: Readonly<Record<string, number>>;
  /** Of those answered 429 or 503. */
  readonly refused: Percentiles;
  /** Of those whose password was looked at. */
  readonly tried: Percentiles;
}

process.once('message', (order: FloodOrder) => {
  void flood(order).then((report) => process.send?.(report, () => process.disconnect()));
});

async function flood({ url, connections, seconds }: FloodOrder): Promise<FloodReport> {
  // As one on another machine it takes nothing from the server and from who measures.
  setPriority(10);
  const refused: number[] = [];
  const tried: number[] = [];
  const statuses: Record<string, number> = {};
  const endsAt = performance.now() + seconds * 1_000;

  async function signIn(index: number): Promise<void> {
    using connection = await openConnection(url);
    const ip = `198.51.${100 + (index >> 8)}.${index & 255}`;
    for (let round = 0; performance.now() < endsAt; round += 1) {
      const email = `guess-${index}-${round}@flood.example`;
      const request = requestOf('auth.login', { ip, input: { email, password: 'a wrong guess' } });
      const startedAt = performance.now();
      const { status } = await connection.send(request);
      const ms = performance.now() - startedAt;
      (status === 429 || status === 503 ? refused : tried).push(ms);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  }

  await Promise.all(Array.from({ length: connections }, (_, index) => signIn(index)));
  return { statuses, refused: percentilesOf(refused), tried: percentilesOf(tried) };
}
