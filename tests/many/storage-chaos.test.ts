import { expect, test } from 'vitest';
import {
  goodPassword,
  refresh,
  signedInOf,
  type Answer,
  type Api,
  type SignedIn,
} from '../contract/api.ts';
import { createDice, roundsOf, startTrials, timeoutFor, type Dice } from '../faults/trials.ts';
import { print } from '../kit/print.ts';
import { canRun, startProcesses, until, type Processes } from './processes.ts';

/** Each of them once in a round. */
const rounds = roundsOf(100, 2);
const peopleAtOnce = 8;
/** So many acknowledgements between two faults, and after the last: nothing is broken for good. */
const acknowledgementsBetween = 30;

/** What is done to the storage under load, and undone. */
const faults: Readonly<Record<string, (processes: Processes) => Promise<void>>> = {
  'connections to PostgreSQL ended': ({ ground }) => ground.terminateBackends(),
  'Redis flushed': ({ ground }) => ground.redis.flush(),
  async 'Redis frozen, and connections ended meanwhile'({ ground }) {
    ground.redis.freeze();
    await ground.terminateBackends();
  },
  async 'Redis awake again'({ ground }) {
    ground.redis.thaw();
  },
  'Redis killed': ({ ground }) => ground.redis.kill(),
  'connections ended without a Redis': ({ ground }) => ground.terminateBackends(),
  'Redis started again': ({ ground }) => ground.redis.start(),
};

/** What has been acknowledged. */
interface Ledger {
  acknowledged: number;
  unavailable: number;
  readonly wrong: string[];
  readonly live: Map<string, SignedIn>;
  readonly ended: SignedIn[];
}

/**
 * Repeats a call until it is done: where a connection was lost nobody knows whether it was. What
 * is neither done nor 503 is written down.
 */
async function insist(ledger: Ledger, call: () => Promise<Answer>): Promise<Answer | null> {
  for (;;) {
    const answer = await call();
    if (answer.status === 200) {
      ledger.acknowledged += 1;
      return answer;
    }
    if (answer.status !== 503) {
      ledger.wrong.push(`${answer.status}: ${answer.text}`);
      return null;
    }
    ledger.unavailable += 1;
  }
}

let registered = 0;

/** A new address for each try: the one before may have been done. */
function registerAnew(ledger: Ledger, pick: () => Api): Promise<Answer | null> {
  return insist(ledger, () => {
    registered += 1;
    const email = `chaos-${registered}@many.example`;
    return pick().mutate('auth.register', { input: { email, password: goodPassword } });
  });
}

/** Registers, refreshes some times, by whichever process, and every third time signs out. */
async function live(
  ledger: Ledger,
  { pick, dice, isOver }: { pick: () => Api; dice: Dice; isOver: () => boolean },
): Promise<void> {
  while (!isOver()) {
    const answer = await registerAnew(ledger, pick);
    if (!answer) continue;
    let current = signedInOf(answer);
    ledger.live.set(current.user.id, current);
    for (let more = dice.roll(8); more > 0; more -= 1) {
      const { refreshToken } = current;
      const next = await insist(ledger, () => refresh(pick(), refreshToken));
      if (!next) break;
      current = signedInOf(next);
      ledger.live.set(current.user.id, current);
    }
    if (dice.roll(3) > 0) continue;
    const { refreshToken } = current;
    // Until it is acknowledged it may have ended or not.
    ledger.live.delete(current.user.id);
    const input = { refreshToken };
    if (await insist(ledger, () => pick().mutate('auth.logout', { input }))) {
      ledger.ended.push(current);
    }
  }
}

test.skipIf(!canRun)(
  'PostgreSQL’s connections ended and Redis flushed, frozen and killed under load: no 500, nothing acknowledged is lost, and all goes on',
  { timeout: timeoutFor(rounds * 60) },
  async () => {
    await using processes = await startProcesses({
      LATCHKEY_RATE_LIMITS: 'on',
      LATCHKEY_TRUSTED_PROXIES: '127.0.0.1',
      // Long enough for a lost answer to be asked for again.
      LATCHKEY_REFRESH_GRACE: '60',
    });
    const { apis, servers } = processes;
    using trials = startTrials('Storage faults under load', true);
    const dice = createDice();
    const pick = () => apis[dice.roll(apis.length)] ?? apis[0];
    const ledger: Ledger = {
      acknowledged: 0,
      unavailable: 0,
      wrong: [],
      live: new Map(),
      ended: [],
    };
    let isOver = false;
    const living = Array.from({ length: peopleAtOnce }, () =>
      live(ledger, { pick, dice, isOver: () => isOver }),
    );
    try {
      for (let round = 0; round < rounds; round += 1) {
        for (const [name, bringAbout] of Object.entries(faults)) {
          await bringAbout(processes);
          const wanted = ledger.acknowledged + acknowledgementsBetween;
          await until(`writes go on: ${name}`, () => ledger.acknowledged >= wanted);
          const wrong = ledger.wrong.splice(0);
          trials.count(wrong.length === 0 ? null : `${name}: ${wrong.join(', ')}`);
        }
      }
    } finally {
      isOver = true;
      await Promise.all(living);
    }
    trials.count(ledger.wrong[0] ?? null);
    for (const person of ledger.live.values()) trials.count(await findLoss(pick(), person));
    for (const person of ledger.ended) {
      for (const api of apis) trials.count(await findLife(api, person));
    }
    print(
      `${ledger.acknowledged} writes acknowledged, ${ledger.unavailable} told to come again (503); ` +
        `${ledger.live.size} sessions alive and ${ledger.ended.length} ended at the end`,
    );
    expect(trials.failures).toEqual([]);
    for (const server of servers) {
      expect(server.stderr()).toBe('');
      server.kill('SIGTERM');
      expect(await server.ended).toEqual({ code: 0, signal: null });
    }
  },
);

async function findLoss(api: Api, { user, refreshToken }: SignedIn): Promise<string | null> {
  const refreshed = await refresh(api, refreshToken);
  if (refreshed.status !== 200) return `signed out: ${refreshed.text}`;
  const input = { email: user.email, password: goodPassword };
  const login = await api.mutate('auth.login', { input });
  return login.status === 200 ? null : `an account is lost: ${login.text}`;
}

async function findLife(
  api: Api,
  { accessToken: token, refreshToken }: SignedIn,
): Promise<string | null> {
  const me = await api.query('user.me', { token });
  if (me.status !== 401) return `an access token that has ended: ${me.status}`;
  const refreshed = await refresh(api, refreshToken);
  return refreshed.status === 401 ? null : `a refresh token that has ended: ${refreshed.status}`;
}
