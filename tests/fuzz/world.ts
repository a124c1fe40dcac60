import { verifyAuditLog } from '../../server/audit/verify-audit-log.ts';
import type { Logger } from '../../server/logger.ts';
import { createTestLatchkey } from '../../server/testing/index.ts';
import type { AuthResult } from '../../shared/schemas.ts';
import { findLeak, passwordMark } from './find-leak.ts';
import type { Ref, WorldPlan } from './grammar.ts';
import { spoil, type Damage } from './spoil.ts';

/** Somebody with an account, as the answers so far say it has to be. */
export interface Person {
  readonly id: string;
  readonly email: string;
  /** Nothing that is sent is ever good enough to act as this person, or upon this person. */
  readonly isVictim: boolean;
  username: string | null;
  name: string | null;
  role: string;
  status: string;
  /** `null` when an answer that was lost may have changed it. */
  password: string | null;
  isDeleted: boolean;
  /** How often the role was changed. */
  version: number;
  /** Newest first. */
  readonly accessTokens: string[];
  readonly refreshTokens: string[];
  readonly sessions: string[];
}

/** What is known of an access token. */
export interface KnownToken {
  readonly owner: Person;
  readonly session: string;
  readonly version: number;
  /** Milliseconds since the epoch; a clock that is set back makes tokens of the future. */
  readonly usableFrom: number;
  readonly expiresAt: number;
}

/** A server with people, and all that was ever handed out to them. */
export interface World {
  readonly port: number;
  /** The origins whose pages may use the cookie; the first is the server's own. */
  readonly allowedOrigins: readonly string[];
  /** The name of the cookie with the refresh token. */
  readonly cookieName: string;
  readonly people: Person[];
  /** Who may have done, by an answer that was lost, whatever a user may do, and be it later. */
  readonly unobserved: Person;
  /** By access token. */
  readonly accessTokens: ReadonlyMap<string, KnownToken>;
  /** By refresh token. */
  readonly refreshTokens: ReadonlyMap<string, { readonly owner: Person; readonly session: string }>;
  /** By a token that we signed with claims which are not right: the session that it names. */
  readonly resigned: ReadonlyMap<string, string>;
  /** Sessions and refresh tokens that must not be good for anything any more. */
  readonly ended: Set<string>;
  /** Each line that was logged. */
  readonly log: readonly string[];
  now(): number;
  advance(seconds: number): void;
  personOf(index: number): Person;
  add(user: AuthResult['user'], password: string | null): Person;
  /** Keeps the tokens of an answer. */
  keep(owner: Person, tokens: { accessToken: string; refreshToken: string | null }): void;
  lookUp(subject: Person, ref: Ref): Promise<string>;
  /** Every account is what it has to be. */
  assertUnchanged(): Promise<void>;
  /** The victims can still do all that they could, and nothing secret was written down. */
  assertUnharmed(): Promise<void>;
  close(): Promise<void>;
}

/** How far ahead of the clock a token may have been issued. */
const clockToleranceSeconds = 5;

export async function createWorld(plan: WorldPlan): Promise<World> {
  const log: string[] = [];
  const write = (level: string) => (fields: object, message: string) => {
    log.push(JSON.stringify({ level, ...fields, message }));
  };
  const logger: Logger = { info: write('info'), warn: write('warn'), error: write('error') };
  const kit = await createTestLatchkey({
    logger,
    signingAlgorithm: plan.signingAlgorithm,
    rateLimits: plan.rateLimits,
    trustedProxies: plan.isBehindProxy ? ['127.0.0.0/8'] : [],
    url: plan.isHttps ? 'https://auth.fuzz.example' : 'http://localhost:4000',
  });
  const { accounts, auditChain, settings } = kit.composition;
  const { store, hasher } = accounts;
  const { url } = await kit.serve();
  const people: Person[] = [];
  const accessTokens = new Map<string, KnownToken>();
  const refreshTokens = new Map<string, { owner: Person; session: string }>();
  const resigned = new Map<string, string>();
  const ended = new Set<string>();
  const hashes = new Map<string, string | null>();

  function personOf(index: number): Person {
    const person = people[index % people.length];
    if (!person) throw new Error('Nobody is there.');
    return person;
  }

  function add(
    user: AuthResult['user'],
    password: string | null,
    isVictim: boolean = false,
  ): Person {
    const { id, email, username, name, role, status } = user;
    const person: Person = {
      id,
      email,
      username,
      name,
      role,
      status,
      password,
      isVictim,
      isDeleted: false,
      version: 0,
      accessTokens: [],
      refreshTokens: [],
      sessions: [],
    };
    people.push(person);
    return person;
  }

  function keep(owner: Person, tokens: { accessToken: string; refreshToken: string | null }): void {
    const claims = claimsOf(tokens.accessToken);
    const session = String(claims['sid']);
    accessTokens.set(tokens.accessToken, {
      owner,
      session,
      version: Number(claims['ver']),
      usableFrom: (Number(claims['iat']) - clockToleranceSeconds) * 1_000,
      expiresAt: Number(claims['exp']) * 1_000,
    });
    owner.accessTokens.unshift(tokens.accessToken);
    if (!owner.sessions.includes(session)) owner.sessions.unshift(session);
    if (tokens.refreshToken === null || refreshTokens.has(tokens.refreshToken)) return;
    refreshTokens.set(tokens.refreshToken, { owner, session });
    owner.refreshTokens.unshift(tokens.refreshToken);
  }

  async function introduce(
    name: string,
    { role, isVictim }: { role: 'user' | 'admin'; isVictim: boolean },
  ): Promise<Person> {
    const password = `${passwordMark}${crypto.randomUUID()}`;
    const email = `${name}@fuzz.example`;
    await kit.latchkey.createUser({ email, username: name, role, secret: { password } });
    const signedIn = await kit.signInAs({ email, role });
    const person = add(signedIn.user, password, isVictim);
    keep(person, signedIn);
    // Another device.
    keep(person, await kit.signInAs({ email, role }));
    return person;
  }

  const victims: Person[] = [];
  await introduce('one-admin', { role: 'admin', isVictim: false });
  await introduce('first-user', { role: 'user', isVictim: false });
  const unobserved = await introduce('other-user', { role: 'user', isVictim: false });
  const disabled = await introduce('kept-out', { role: 'user', isVictim: false });
  victims.push(await introduce('victim-user', { role: 'user', isVictim: true }));
  victims.push(await introduce('victim-admin', { role: 'admin', isVictim: true }));
  const operator = await kit.callerAs({ email: victims[1]?.email ?? '', role: 'admin' });
  await operator.admin.disableUser({ userId: disabled.id });
  disabled.status = 'disabled';
  for (const session of disabled.sessions) ended.add(session);
  for (const person of people) hashes.set(person.id, await hashOf(person));
  const sessionsBefore = await sessionsOfVictims();

  async function hashOf({ id }: Person): Promise<string | null> {
    return (await store.findCredential({ userId: id }))?.passwordHash ?? null;
  }

  async function sessionsOfVictims(): Promise<string> {
    const sessions = await Promise.all(
      victims.map(({ id }) => store.listSessions(id, kit.clock.now())),
    );
    return JSON.stringify(sessions.flat().map(({ id, counter }) => ({ id, counter })));
  }

  async function spoilToken(token: string, damage: Damage): Promise<string> {
    const known = accessTokens.get(token);
    const stranger = people.find((person) => person !== known?.owner);
    const signed = known && {
      role: known.owner.role,
      version: known.version,
      strangerId: stranger?.id ?? '',
      now: Math.floor(kit.clock.now() / 1_000),
    };
    const spoilt = await spoil(kit.forge, { token, signed: signed ?? null }, damage);
    if (!spoilt.isSigned || !known) return spoilt.token;
    // A signature of ours is good for ending the session that it names, which nobody else may do.
    if (known.owner.isVictim) return spoilToken(token, 'changed');
    resigned.set(spoilt.token, known.session);
    return spoilt.token;
  }

  async function lookUp(subject: Person, ref: Ref): Promise<string> {
    const person = ref.of === undefined ? subject : personOf(ref.of);
    switch (ref.the) {
      case 'email':
        return person.email;
      case 'username':
        return person.username ?? 'nobody-at-all';
      case 'id':
        return person.id;
      case 'password':
        return (person.isVictim ? null : person.password) ?? `${passwordMark}not this one`;
      case 'session':
      case 'access token':
      case 'refresh token': {
        const list = {
          session: person.sessions,
          'access token': person.accessTokens,
          'refresh token': person.refreshTokens,
        }[ref.the];
        const value = list[ref.age % Math.max(1, list.length)] ?? 'none.of.these';
        const damage = ref.damage ?? (person.isVictim && ref.the !== 'session' ? 'changed' : null);
        return damage === null ? value : spoilToken(value, damage);
      }
    }
  }

  async function assertUnchanged(): Promise<void> {
    const rows = new Map((await store.listUsers({ limit: 1_000_000 })).map((row) => [row.id, row]));
    for (const person of people) {
      const row = rows.get(person.id);
      rows.delete(person.id);
      if (!row) {
        if (!person.isDeleted && person !== unobserved) throw new Error(`${person.email} is gone.`);
        person.isDeleted = true;
        continue;
      }
      const { role, status, username, name } = row;
      if (person === unobserved) Object.assign(person, { username, name });
      const is = JSON.stringify({ role, status, username, name });
      const hasToBe = JSON.stringify({
        role: person.role,
        status: person.status,
        username: person.username,
        name: person.name,
      });
      if (person.isDeleted || is !== hasToBe) {
        throw new Error(`${person.email} is ${is} and has to be ${hasToBe}.`);
      }
      const hash = await hashOf(person);
      if (hash === hashes.get(person.id)) continue;
      if (person === unobserved) person.password = null;
      else if (person.password !== null && !(await hasher.verify(person.password, hash))) {
        throw new Error(`The password of ${person.email} is another one.`);
      }
      hashes.set(person.id, hash);
    }
    for (const row of rows.values()) {
      // Registered by a request whose answer was lost.
      const isHarmless = row.role === 'user' && row.status === 'active';
      if (!isHarmless) throw new Error(`${row.email} came from nowhere, as ${row.role}.`);
    }
  }

  async function assertUnharmed(): Promise<void> {
    if ((await sessionsOfVictims()) !== sessionsBefore) {
      throw new Error('A session of somebody who did nothing has changed.');
    }
    const client = await kit.clientAs(null);
    for (const { email, password, refreshTokens: own } of victims) {
      const [refreshToken = ''] = own;
      const fresh = await client.auth.refresh.mutate({ refreshToken });
      if (fresh.user.email !== email) throw new Error('The tokens are of somebody else.');
      // In a world with limits, guesses from the same address may have used the budget up.
      if (plan.rateLimits || password === null) continue;
      const signedIn = await client.auth.login.mutate({ email, password });
      if (signedIn.user.email !== email) throw new Error('Signed in as somebody else.');
    }
    const { problem } = await verifyAuditLog(store, auditChain);
    if (problem !== null) throw new Error(`The audit log: ${problem}`);
    const events = await store.listAuditEvents({ limit: 1_000_000 });
    assertNoSecret('the audit log', JSON.stringify(events));
    for (const line of log) {
      if (line.includes('"level":"error"')) throw new Error(`An error was logged: ${line}`);
      if (line.includes('fuzz.example')) throw new Error(`An address was logged: ${line}`);
      assertNoSecret('the log', line);
    }
  }

  function assertNoSecret(where: string, written: string): void {
    const leak = findLeak(written, refreshTokens.keys());
    if (leak !== null) throw new Error(`${leak} stands in ${where}: ${written}`);
  }

  return {
    port: Number(new URL(url).port),
    allowedOrigins: settings.allowedOrigins,
    cookieName: plan.isHttps ? '__Host-latchkey' : 'latchkey',
    people,
    unobserved,
    accessTokens,
    refreshTokens,
    resigned,
    ended,
    log,
    now: kit.clock.now,
    advance: kit.clock.advance,
    personOf,
    add: (user, password) => add(user, password),
    keep,
    lookUp,
    assertUnchanged,
    assertUnharmed,
    close: kit.close,
  };
}

function claimsOf(token: string): Record<string, unknown> {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
  // Only ever asked about tokens that this server handed out.
  return JSON.parse(payload) as Record<string, unknown>;
}
