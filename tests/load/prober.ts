import { openConnection, requestOf, type Connection } from './connection.ts';

/** Somebody who is signed in. */
export interface Person {
  accessToken: string;
  refreshToken: string;
  /** As a proxy would say it. */
  readonly ip: string;
}

export const probed = ['user.me', 'auth.refresh'] as const;
export type Probed = (typeof probed)[number];

/** What somebody who is signed in met meanwhile. */
export interface Probe {
  /** How long each call took, in milliseconds. */
  readonly samples: Readonly<Record<Probed, readonly number[]>>;
  /** How often each status came; 0 is a connection that ended before the answer. */
  readonly statuses: Readonly<Record<string, number>>;
}

/** One call in so many refreshes. */
const refreshesOneIn = 5;

/**
 * Makes the calls of people who are signed in, at a steady pace, and times each from the moment
 * it was due: a server that stands still is not asked less.
 */
export async function probe(
  url: string,
  people: readonly Person[],
  { seconds, everyMs = 8 }: { readonly seconds: number; readonly everyMs?: number },
): Promise<Probe> {
  const samples: Record<Probed, number[]> = { 'user.me': [], 'auth.refresh': [] };
  const statuses: Record<string, number> = {};
  const idle: Connection[] = [];
  const free = [...people];
  const underWay = new Set<Promise<void>>();

  async function call(person: Person, path: Probed, dueAt: number): Promise<void> {
    try {
      const connection = takeOpen(idle) ?? (await openConnection(url));
      const { refreshToken, accessToken: token, ip } = person;
      const isRefresh = path === 'auth.refresh';
      const request = requestOf(path, isRefresh ? { ip, input: { refreshToken } } : { ip, token });
      const { status, body } = await connection.send(request);
      samples[path].push(performance.now() - dueAt);
      statuses[status] = (statuses[status] ?? 0) + 1;
      idle.push(connection);
      if (isRefresh && status === 200) {
        const { result } = JSON.parse(body) as { result: { data: Person } };
        person.accessToken = result.data.accessToken;
        person.refreshToken = result.data.refreshToken;
      }
    } catch {
      statuses[0] = (statuses[0] ?? 0) + 1;
    } finally {
      free.push(person);
    }
  }

  const startedAt = performance.now();
  await new Promise<void>((resolve) => {
    let calls = 0;
    const timer = setInterval(() => {
      const now = performance.now();
      for (; startedAt + calls * everyMs <= now; calls += 1) {
        // Nobody asks for two things at once; where all are waiting, the next call is late.
        const person = free.shift();
        if (!person) break;
        const path = calls % refreshesOneIn === 0 ? 'auth.refresh' : 'user.me';
        const answered = call(person, path, startedAt + calls * everyMs);
        underWay.add(answered);
        void answered.finally(() => underWay.delete(answered));
      }
      if (now - startedAt < seconds * 1_000) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
  await Promise.all(underWay);
  for (const connection of idle) connection[Symbol.dispose]();
  return { samples, statuses };
}

/** The server closes those that were idle for long. */
function takeOpen(idle: Connection[]): Connection | undefined {
  for (let connection = idle.pop(); connection; connection = idle.pop()) {
    if (connection.isOpen()) return connection;
  }
  return undefined;
}
