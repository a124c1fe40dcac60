import fc, { type AsyncCommand } from 'fast-check';
import { expect, test } from 'vitest';
import { strangerFrom } from '../../server/accounts/account-parts.ts';
import { setStatus } from '../../server/accounts/administer.ts';
import { createRuntime } from '../../server/runtime.ts';
import { createTestClock } from '../../server/testing/clock.ts';
import { createTestLatchkey } from '../../server/testing/index.ts';
import type { Reason } from '../../shared/reasons.ts';
import type { AuthResult } from '../../shared/schemas.ts';
import { printResult, readFuzzSize } from './fuzz-size.ts';

const { requests, seeds } = readFuzzSize(process.env);
const commandsInRun = 40;

const secondMs = 1_000;
const dayMs = 86_400_000;
const graceMs = 10 * secondMs;
const idleMs = 14 * dayMs;
const absoluteMs = 30 * dayMs;
const accessTtlSeconds = 900;
const clockToleranceSeconds = 5;

/** A session as the decision table of the contract has it. */
interface ModelSession {
  readonly user: number;
  /** How often its key was changed: a token of an older one is a token of nobody. */
  epoch: number;
  counter: number;
  rotatedAt: number;
  readonly expiresAt: number;
  idleExpiresAt: number;
  isRevoked: boolean;
  /** Of the newest access token; seconds since the epoch. */
  accessToken: { readonly issuedAt: number; readonly expiresAt: number };
}

interface Model {
  readonly isDisabled: boolean[];
  readonly sessions: ModelSession[];
}

/** What was handed out for a session, by epoch and counter: there is one token for each. */
interface RealSession {
  readonly id: string;
  readonly refreshTokens: Map<string, string>;
  accessToken: string;
}

type Fixture = Awaited<ReturnType<typeof createFixture>>;
interface Real extends Fixture {
  readonly users: { readonly id: string; readonly email: string; password: string }[];
  readonly sessions: RealSession[];
}

type Answer = { readonly data: unknown; readonly reason: Reason | null };

/** A server for many runs: each has users of its own. */
async function createFixture() {
  const clock = createTestClock();
  // Nothing is pruned: what ended long ago still says so.
  const runtime = { ...createRuntime(clock.now), every: () => () => {} };
  const kit = await createTestLatchkey({ runtime });
  const handle = kit.latchkey.fetchHandler();
  let users = 0;
  return {
    clock,
    accounts: kit.composition.accounts,
    nextEmail: () => `person-${(users += 1)}@rotation.example`,
    async call(path: string, input: object, accessToken?: string): Promise<Answer> {
      const response = await handle(
        new Request(`http://localhost:4000/trpc/${path}`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            ...(accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }),
          },
          body: JSON.stringify(input),
        }),
      );
      const body = (await response.json()) as {
        result?: { data: unknown };
        error?: { data: { reason: Reason } };
      };
      return { data: body.result?.data, reason: body.error?.data.reason ?? null };
    },
    [Symbol.asyncDispose]: kit.close,
  };
}

const keyOf = ({ epoch, counter }: { epoch: number; counter: number }) => `${epoch}.${counter}`;

function accessTokenAt(now: number, expiresAt: number): ModelSession['accessToken'] {
  const issuedAt = Math.floor(now / secondMs);
  const left = Math.floor(expiresAt / secondMs) - issuedAt;
  return { issuedAt, expiresAt: issuedAt + Math.max(1, Math.min(accessTtlSeconds, left)) };
}

function isOver({ expiresAt, idleExpiresAt }: ModelSession, now: number): boolean {
  return now >= expiresAt || now >= idleExpiresAt;
}

type Decision = 'rotated' | 'repeated' | Reason;

/** The decision table: what becomes of a genuine token. */
function decide(
  session: ModelSession,
  presented: { readonly epoch: number; readonly counter: number },
  now: number,
): Decision {
  if (presented.epoch !== session.epoch) return 'token_invalid';
  if (session.isRevoked) return 'session_revoked';
  if (isOver(session, now)) return 'token_expired';
  if (presented.counter === session.counter) return 'rotated';
  const isInGrace = Math.abs(now - session.rotatedAt) < graceMs;
  return presented.counter === session.counter - 1 && isInGrace ? 'repeated' : 'refresh_reused';
}

/** Holds an `AuthResult` against the model, and keeps what it handed out. */
function takeOver(
  { model, real, at }: { model: ModelSession; real: RealSession; at: number },
  data: unknown,
): void {
  const { accessToken, refreshToken } = data as AuthResult;
  const known = real.refreshTokens.get(keyOf(model));
  if (known !== undefined) expect(refreshToken).toBe(known);
  else expect([...real.refreshTokens.values()]).not.toContain(refreshToken);
  real.refreshTokens.set(keyOf(model), refreshToken ?? '');
  real.accessToken = accessToken;
  model.accessToken = accessTokenAt(at, model.expiresAt);
}

/** At most one token of a session is good for anything, and it is the one that the model has. */
async function expectOneLiveToken(model: Model, real: Real): Promise<void> {
  const { store, refreshTokens: tokens } = real.accounts;
  for (const [index, session] of model.sessions.entries()) {
    const handedOut = real.sessions[index];
    const found = handedOut && (await store.findSession(handedOut.id));
    if (!found) throw new Error('A session is gone.');
    const row = found.session;
    expect({ counter: row.counter, isRevoked: row.revokedAt !== null }).toEqual({
      counter: session.counter,
      isRevoked: session.isRevoked,
    });
    const live = [...handedOut.refreshTokens.values()].filter((token) => {
      const presented = tokens.parse(token);
      return presented && presented.counter === row.counter && tokens.isGenuine(presented, row);
    });
    expect(live).toEqual([handedOut.refreshTokens.get(keyOf(session))]);
  }
}

type Run = (model: Model, real: Real) => Promise<void>;

function command(name: string, run: Run): AsyncCommand<Model, Real> {
  return {
    check: () => true,
    async run(model, real) {
      await run(model, real);
      await expectOneLiveToken(model, real);
    },
    toString: () => name,
  };
}

function sessionAt(model: Model, real: Real, index: number) {
  const at = index % model.sessions.length;
  const [session, handedOut] = [model.sessions[at], real.sessions[at]];
  if (!session || !handedOut) throw new Error('There is always a session.');
  return { model: session, real: handedOut };
}

function userOf(real: Real, index: number): Real['users'][number] {
  const user = real.users[index];
  if (!user) throw new Error('There are two users.');
  return user;
}

async function signIn(model: Model, real: Real, user: number): Promise<void> {
  const { email, password } = userOf(real, user);
  const now = real.clock.now();
  const { data, reason } = await real.call('auth.login', { email, password });
  if (model.isDisabled[user] === true) {
    expect(reason).toBe('invalid_credentials');
    return;
  }
  expect(reason).toBeNull();
  const { accessToken, refreshToken } = data as AuthResult;
  const id = real.accounts.refreshTokens.parse(refreshToken ?? '')?.sessionId ?? '';
  model.sessions.push({
    user,
    epoch: 0,
    counter: 0,
    rotatedAt: now,
    expiresAt: now + absoluteMs,
    idleExpiresAt: now + idleMs,
    isRevoked: false,
    accessToken: accessTokenAt(now, now + absoluteMs),
  });
  const refreshTokens = new Map([['0.0', refreshToken ?? '']]);
  real.sessions.push({ id, refreshTokens, accessToken });
}

/** Which refresh token is presented: `age` rotations older than the live one. */
interface Presented {
  readonly session: number;
  readonly age: number;
  readonly isOfKeyBefore: boolean;
}

/** Every counter has a token, whether or not it was ever handed out: -1 is one ahead. */
async function present(model: Model, real: Real, { session, age, isOfKeyBefore }: Presented) {
  const of = sessionAt(model, real, session);
  const handedOut = [...of.real.refreshTokens.entries()].filter(([key]) =>
    key.startsWith(`${of.model.epoch - 1}.`),
  );
  const older = isOfKeyBefore ? handedOut.at(-1 - Math.max(0, age)) : undefined;
  if (older) {
    const counter = Number(older[0].split('.')[1]);
    return { ...of, epoch: of.model.epoch - 1, counter, token: older[1] };
  }
  const counter = Math.max(0, of.model.counter - age);
  const found = await real.accounts.store.findSession(of.real.id);
  if (!found) throw new Error('A session is gone.');
  const token = real.accounts.refreshTokens.issue({ ...found.session, counter });
  return { ...of, epoch: of.model.epoch, counter, token };
}

function refresh(presented: Presented): AsyncCommand<Model, Real> {
  return command(`refresh ${JSON.stringify(presented)}`, async (model, real) => {
    const { model: session, real: handedOut, token, ...at } = await present(model, real, presented);
    const now = real.clock.now();
    const decision = decide(session, at, now);
    const { data, reason } = await real.call('auth.refresh', { refreshToken: token });
    if (decision !== 'rotated' && decision !== 'repeated') {
      expect(reason).toBe(decision);
      if (decision === 'refresh_reused') session.isRevoked = true;
      return;
    }
    expect(reason).toBeNull();
    if (decision === 'rotated') {
      session.counter += 1;
      session.rotatedAt = now;
      session.idleExpiresAt = Math.min(session.expiresAt, now + idleMs);
    }
    takeOver({ model: session, real: handedOut, at: now }, data);
  });
}

/** A genuine token with one character changed, which nobody can tell from one that is made up. */
function refreshMadeUp(session: number, at: number): AsyncCommand<Model, Real> {
  return command(
    `refresh with a token made up at ${at} for session ${session}`,
    async (model, real) => {
      const { token } = await present(model, real, { session, age: 0, isOfKeyBefore: false });
      const madeUp = `${token.slice(0, at)}${token[at] === 'x' ? 'y' : 'x'}${token.slice(at + 1)}`;
      expect(await real.call('auth.refresh', { refreshToken: madeUp })).toMatchObject({
        reason: 'token_invalid',
      });
      expect(await real.call('auth.logout', { refreshToken: madeUp })).toMatchObject({
        data: { revoked: false },
      });
    },
  );
}

function logout(presented: Presented, by: 'refresh token' | 'access token') {
  return command(`log out by ${by} ${JSON.stringify(presented)}`, async (model, real) => {
    const { model: session, real: handedOut, token, epoch } = await present(model, real, presented);
    const now = real.clock.now();
    const isGenuine =
      by === 'refresh token'
        ? epoch === session.epoch
        : session.accessToken.issuedAt <= now / secondMs + clockToleranceSeconds;
    const { data } = await (by === 'refresh token'
      ? real.call('auth.logout', { refreshToken: token })
      : real.call('auth.logout', {}, handedOut.accessToken));
    const revoked = isGenuine && !session.isRevoked && now < session.idleExpiresAt;
    expect(data).toEqual({ revoked });
    if (isGenuine) session.isRevoked = true;
  });
}

function changePassword(session: number, isRight: boolean): AsyncCommand<Model, Real> {
  const name = `change the password of session ${session}${isRight ? '' : ', wrongly'}`;
  return command(name, async (model, real) => {
    const of = sessionAt(model, real, session);
    const user = userOf(real, of.model.user);
    const now = real.clock.now();
    const { issuedAt, expiresAt } = of.model.accessToken;
    const newPassword = `another ${user.password.slice(-40)}`;
    const { data, reason } = await real.call(
      'user.changePassword',
      { currentPassword: isRight ? user.password : 'a wrong password', newPassword },
      of.real.accessToken,
    );
    if (issuedAt > now / secondMs + clockToleranceSeconds) expect(reason).toBe('token_invalid');
    else if (now >= expiresAt * secondMs) expect(reason).toBe('token_expired');
    else if (of.model.isRevoked || isOver(of.model, now)) expect(reason).toBe('session_revoked');
    else if (!isRight) expect(reason).toBe('invalid_credentials');
    else {
      expect(reason).toBeNull();
      user.password = newPassword;
      for (const each of model.sessions) {
        if (each.user === of.model.user && each !== of.model) each.isRevoked = true;
      }
      Object.assign(of.model, { epoch: of.model.epoch + 1, counter: 0, rotatedAt: now });
      takeOver({ ...of, at: now }, data);
    }
  });
}

function keepOut(user: number, isDisabled: boolean): AsyncCommand<Model, Real> {
  return command(`${isDisabled ? 'disable' : 'enable'} user ${user}`, async (model, real) => {
    await setStatus(real.accounts, {
      userId: userOf(real, user).id,
      status: isDisabled ? 'disabled' : 'active',
      actor: strangerFrom({ ip: null, userAgent: null }),
    });
    model.isDisabled[user] = isDisabled;
    if (!isDisabled) return;
    for (const session of model.sessions) if (session.user === user) session.isRevoked = true;
  });
}

const session = fc.nat({ max: 5 });
const user = fc.constantFrom(0, 1);
const presented: fc.Arbitrary<Presented> = fc.record({
  session,
  // Ahead, live, parent, grandparent and beyond.
  age: fc.constantFrom(-1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 3),
  isOfKeyBefore: fc.constantFrom(true, false, false, false, false, false),
});
/** In seconds; both sides of every limit, and back again. */
const turnedOn = [0.001, 1, 5, 9.999, 10, 11, 60, 899, 901, 3_600, 86_400, 1_123_200, 1_209_600];
const turnedBack = [-0.5, -1, -5, -9.999, -10, -11, -3_600];
const turns = fc.constantFrom(...turnedOn, ...turnedBack);
const turnClock = (seconds: number) =>
  command(`turn the clock by ${seconds} s`, async (_, real) => real.clock.advance(seconds));

const refreshes = presented.map(refresh);
const commands = fc.commands(
  [
    refreshes,
    refreshes,
    refreshes,
    refreshes,
    turns.map(turnClock),
    turns.map(turnClock),
    fc.tuple(session, fc.nat({ max: 71 })).map(([of, at]) => refreshMadeUp(of, at)),
    fc
      .tuple(presented, fc.constantFrom('refresh token' as const, 'access token' as const))
      .map(([of, by]) => logout(of, by)),
    fc.tuple(session, fc.boolean()).map(([of, isRight]) => changePassword(of, isRight)),
    fc.tuple(user, fc.boolean()).map(([of, isDisabled]) => keepOut(of, isDisabled)),
    user.map((of) =>
      command(`sign user ${of} in`, (model: Model, real: Real) => signIn(model, real, of)),
    ),
  ],
  { maxCommands: commandsInRun, size: 'max' },
);

async function createRun(fixture: Fixture): Promise<{ model: Model; real: Real }> {
  const model: Model = { isDisabled: [false, false], sessions: [] };
  const real: Real = { ...fixture, users: [], sessions: [] };
  for (const index of [0, 1]) {
    const account = { email: fixture.nextEmail(), password: 'a password that is changed' };
    const { data } = await fixture.call('auth.register', account);
    real.users.push({ ...account, id: (data as AuthResult).user.id });
    await signIn(model, real, index);
    await signIn(model, real, index);
  }
  return { model, real };
}

test.for(seeds)(
  'whatever happens to sessions, the answers are those of the decision table: seed %i',
  { timeout: 3_600_000 },
  async (seed) => {
    await using fixture = await createFixture();
    let tried = 0;
    const details = await fc.check(
      fc.asyncProperty(commands, async (planned) => {
        const run = await createRun(fixture);
        await fc.asyncModelRun(() => run, planned);
        tried += [...planned].length;
      }),
      { seed, numRuns: Math.ceil(requests / seeds.length / commandsInRun) },
    );
    const failures = details.failed ? 1 : 0;
    printResult({ what: 'commands on sessions', seed, tried, failures });
    if (details.failed) throw new Error(fc.defaultReportMessage(details));
    expect(tried).toBeGreaterThan(0);
  },
);
