import type { Figures } from '../../shared/schemas.ts';
import type { AuditEventType } from '../audit/audit-event.ts';
import type { Runtime } from '../runtime.ts';
import type { Steps, Store } from '../store/store.ts';

/** Sessions are kept for a day after their end: before that it cannot be told how many there were. */
const hoursCounted = 24;
const points = 48;
/** Fine enough for one hour in so many points; those of more hours are sums of it. */
const stepMs = 3_600_000 / points;

const signIns: readonly AuditEventType[] = ['sign_in.succeeded'];
const refusals: readonly AuditEventType[] = [
  'sign_in.failed',
  'password_check.failed',
  'session.refresh_reused',
  'access.refused',
  'limit.reached',
  'token.refused',
  'input.refused',
];

/** Figures are counted anew after so long, */
const keptMs = 5_000;
/** and where counting takes long, after so many times as long: it has a tenth of a core at most. */
const keptTimes = 10;
/** and never longer, whatever a clock that was set meanwhile says of the time that it took. */
const longestKeptMs = 60_000;

/**
 * How many there are, and how much went on in the last hours: 1 to 24, in 48 equal steps up to
 * now. Counted for all who ask meanwhile, and kept for 5 seconds or more.
 */
export type ReadFigures = (hours: number) => Promise<Figures>;

/** What was counted at one time, in the finest steps. */
interface Counted {
  readonly at: number;
  readonly tookMs: number;
  readonly users: number;
  readonly signIns: readonly number[];
  readonly refusals: readonly number[];
  /** Where each step ends. */
  readonly activeSessions: readonly number[];
}

export function createFigures({
  store,
  runtime,
}: {
  readonly store: Store;
  readonly runtime: Runtime;
}): ReadFigures {
  let latest: Counted | null = null;
  let counting: Promise<Counted> | null = null;

  async function count(): Promise<Counted> {
    const at = runtime.now();
    const steps: Steps = {
      since: at - hoursCounted * 3_600_000,
      stepMs,
      count: hoursCounted * points,
    };
    // One after the other: together they would leave half as many turns to everything else.
    const users = await store.countUsers();
    const sessions = await store.countSessions(steps);
    const counted = {
      at,
      users,
      activeSessions: activeAtEnds(sessions),
      signIns: await store.countEvents({ ...steps, types: signIns }),
      refusals: await store.countEvents({ ...steps, types: refusals }),
    };
    return { ...counted, tookMs: runtime.now() - at };
  }

  async function current(): Promise<Counted> {
    // Both ways round: a clock that was set back must not make figures last longer.
    const ageMs = latest ? Math.abs(runtime.now() - latest.at - latest.tookMs) : Infinity;
    const heldMs = Math.min(Math.max(keptMs, (latest?.tookMs ?? 0) * keptTimes), longestKeptMs);
    if (latest && ageMs < heldMs) return latest;
    counting ??= count()
      .then((counted) => (latest = counted))
      .finally(() => (counting = null));
    return counting;
  }

  return async (hours) => {
    const { at, users, ...counted } = await current();
    const first = (hoursCounted - hours) * points;
    return {
      users,
      activeSessions: counted.activeSessions.at(-1) ?? 0,
      stepSeconds: (stepMs * hours) / 1_000,
      points: Array.from({ length: points }, (_, point) => {
        const from = first + point * hours;
        const end = from + hours;
        return {
          at: new Date(at - (points - 1 - point) * hours * stepMs).toISOString(),
          signIns: sum(counted.signIns.slice(from, end)),
          refusals: sum(counted.refusals.slice(from, end)),
          activeSessions: counted.activeSessions[end - 1] ?? 0,
        };
      }),
    };
  };
}

/** From those of now backwards: who started in a step was not there before it, who ended was. */
function activeAtEnds({
  live,
  started,
  ended,
}: Awaited<ReturnType<Store['countSessions']>>): readonly number[] {
  const active = [live];
  for (let step = started.length - 1; step > 0; step -= 1) {
    active.push((active.at(-1) ?? 0) - (started[step] ?? 0) + (ended[step] ?? 0));
  }
  return active.toReversed();
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
