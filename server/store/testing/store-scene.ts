import { expect } from 'vitest';
import type {
  AuditRecord,
  SessionRecord,
  SigningKeyRecord,
  UserRecord,
} from '../../../shared/records.ts';
import { createRuntime } from '../../runtime.ts';
import type { ReplaceSigningKeys, RotateSession, Store } from '../store.ts';

/** An empty store, until it is disposed. */
export interface StoreUnderTest extends AsyncDisposable {
  readonly store: Store;
  /** Another way to the same data, as a second process has it; the same store where there is none. */
  readonly other: Store;
  /** Resolves when the store knows what the other one did before; where it is not told, it looks at every call. */
  readonly catchUp?: () => Promise<void>;
  /** Adds users whose password hash is `hash`, in this order, where so many calls would take too long. */
  addUsers?(users: readonly UserRecord[]): Promise<void>;
}
/** Gives each test a store of its own. */
export type OpenStore = () => Promise<StoreUnderTest>;

export type StartedSession = SessionRecord & { readonly userId: string };

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;
export const graceMs = 10_000;
/** When everything starts that says nothing else, and an hour after. */
export const startedAt = Date.UTC(2030, 0, 1);
export const later = startedAt + hourMs;
export const runtime = createRuntime(() => startedAt);
const nowhere = { ip: null, userAgent: null };

export function newUser(given: Partial<UserRecord> = {}): UserRecord {
  const id = runtime.newId();
  return {
    id,
    email: `${id}@test.example`,
    emailVerified: false,
    username: null,
    name: null,
    role: 'user',
    status: 'active',
    authorizationVersion: 0,
    createdAt: startedAt,
    updatedAt: startedAt,
    ...given,
  };
}

export function newSession(userId: string, given: Partial<SessionRecord> = {}): StartedSession {
  return {
    id: runtime.newId(),
    counter: 0,
    sealedTokenKey: new Uint8Array(runtime.randomBytes(8)),
    createdAt: startedAt,
    lastSeenAt: startedAt,
    rotatedAt: startedAt,
    expiresAt: startedAt + 30 * dayMs,
    idleExpiresAt: startedAt + 14 * dayMs,
    idleTtlMs: 14 * dayMs,
    revokedAt: null,
    ...nowhere,
    ...given,
    userId,
  };
}

export function newRotation(
  session: StartedSession,
  { counter, now }: { counter: number; now: number },
): RotateSession {
  return {
    sessionId: session.id,
    counter,
    sealedTokenKey: session.sealedTokenKey,
    now,
    graceMs,
    origin: nowhere,
    reuseEvent: newEvent({ type: 'test.reused' }),
  };
}

export function newKey(given: Partial<SigningKeyRecord> = {}): SigningKeyRecord {
  return {
    id: runtime.randomBytes(12).toString('base64url'),
    algorithm: 'EdDSA',
    status: 'next',
    publicJwk: null,
    sealedPrivateJwk: Uint8Array.of(1, 2, 3),
    createdAt: startedAt,
    retiredAt: null,
    ...given,
  };
}

export function newReplacement(expectedActiveId: string | null): ReplaceSigningKeys {
  const active = newKey({ status: 'active' });
  return { expectedActiveId, active, next: newKey(), at: startedAt, event: newEvent() };
}

export function newEvent(given: Partial<AuditRecord> = {}): AuditRecord {
  return {
    id: runtime.newId(),
    at: startedAt,
    type: 'test.happened',
    actorId: null,
    userId: null,
    sessionId: null,
    ...nowhere,
    detail: {},
    ...given,
  };
}

/** A user whose password hash is `hash`. */
export async function addUser(store: Store, given: Partial<UserRecord> = {}): Promise<UserRecord> {
  const user = newUser(given);
  const event = newEvent({ userId: user.id });
  expect(await store.createUser({ user, passwordHash: 'hash', session: null, event })).toBe(
    'created',
  );
  return user;
}

export async function addSession(
  store: Store,
  user: UserRecord,
  { maxSessions = 1_000, ...given }: Partial<SessionRecord> & { maxSessions?: number } = {},
): Promise<StartedSession> {
  const session = newSession(user.id, given);
  const event = newEvent();
  const command = { session, passwordHash: 'hash', maxSessions, event };
  expect(await store.startSession(command)).not.toBeNull();
  return session;
}

export function revoke(store: Store, { id }: SessionRecord): Promise<number> {
  return store.revokeSessions({
    which: { sessionId: id },
    at: startedAt,
    event: () => newEvent(),
  });
}

export async function isRevoked(store: Store, { id }: SessionRecord): Promise<boolean> {
  const found = await store.findSession(id);
  if (!found) throw new Error('The session is not there.');
  return found.session.revokedAt !== null;
}

/** The same call so often at once, by turns in both ways to the data. */
export function atOnce<T>(
  { store, other }: StoreUnderTest,
  times: number,
  call: (store: Store, n: number) => Promise<T>,
): Promise<T[]> {
  return Promise.all(Array.from({ length: times }, (_, n) => call(n % 2 === 0 ? store : other, n)));
}

/** Runs a command that has to record its event, and nothing else. */
export async function recorded<T>(
  store: Store,
  command: (event: AuditRecord) => Promise<T>,
): Promise<T> {
  const before = await store.listAuditEvents({ limit: 1_000 });
  const event = newEvent({ type: 'test.recorded' });
  const outcome = await command(event);
  const [newest, ...rest] = await store.listAuditEvents({ limit: 1_000 });
  expect(newest?.id).toBe(event.id);
  expect(rest).toEqual(before);
  return outcome;
}

export async function expectNoChange(store: Store, work: () => Promise<unknown>): Promise<void> {
  const before = await stateOf(store);
  await work();
  expect(await stateOf(store)).toEqual(before);
}

/** Everything that the interface shows. */
export async function stateOf(store: Store): Promise<{
  users: unknown;
  sessions: unknown;
  keys: unknown;
  events: readonly AuditRecord[];
  head: unknown;
}> {
  const users = await store.listUsers({ limit: 1_000 });
  const ids = users.map(({ id }) => id);
  return {
    users: await Promise.all(ids.map((userId) => store.findCredential({ userId }))),
    sessions: await Promise.all(ids.map((userId) => store.listSessions(userId, 0))),
    keys: await store.listSigningKeys(),
    events: await store.listAuditEvents({ limit: 1_000 }),
    head: await store.findAuditHead(),
  };
}

/** Bytes come back in a store's own kind of array. */
export function plainSession({ sealedTokenKey, ...session }: SessionRecord): object {
  return { ...session, sealedTokenKey: [...sealedTokenKey] };
}

export function plainKey({
  sealedPrivateJwk,
  ...key
}: SigningKeyRecord): Omit<SigningKeyRecord, 'sealedPrivateJwk'> & object {
  const plain = { ...key, sealedPrivateJwk: [...sealedPrivateJwk] };
  return plain;
}

export function byId(one: { readonly id: string }, another: { readonly id: string }): number {
  return one.id < another.id ? -1 : 1;
}
