import { TRPCClientError } from '@trpc/client';
import type { Reason } from '../shared/reasons.ts';
import {
  isUser,
  parseAuthResult,
  parseSavedSession,
  type AuthResultOf,
  type SessionUser,
} from './auth-result.ts';
import { isLostReply, isUnauthorized, reasonOf } from './reason-of.ts';
import type { ClientRuntime } from './runtime.ts';
import type { SessionStorage } from './session-storage.ts';
import { createQueue, createTabs } from './tabs.ts';

/** Who is signed in, as far as this client knows. */
export type SessionSnapshot<TUser> =
  | { readonly status: 'loading'; readonly user: null; readonly reason: null }
  | { readonly status: 'signed-in'; readonly user: TUser; readonly reason: null }
  | {
      readonly status: 'signed-out';
      readonly user: null;
      /** Why the server ended the session; `null` when it was asked for, or there was none. */
      readonly reason: Reason | null;
    };

/** The session as a store to watch; its three functions fit React's `useSyncExternalStore`. */
export interface SessionState<TUser> {
  /** Calls the listener after every change. Returns what ends that. */
  readonly subscribe: (listener: () => void) => () => void;
  /** The same object until something changes. */
  readonly getSnapshot: () => SessionSnapshot<TUser>;
  /** What it was before anything was read: what a server renders. */
  readonly getServerSnapshot: () => SessionSnapshot<TUser>;
}

/** The right to make one call: the token to make it with, and the session that it belongs to. */
export interface Ticket {
  /** `null` for a call of nobody's. */
  readonly accessToken: string | null;
  /** Which session of this client it is, counted. */
  readonly generation: number;
  /** Another tab has fetched the token, and this one may have heard of it late. */
  readonly isBorrowed: boolean;
}

interface AccessToken {
  readonly token: string;
  /** When to replace it, by the runtime's clock. */
  readonly renewAt: number;
  /** Another tab has fetched it. */
  readonly isBorrowed: boolean;
}

/** The one holder of the tokens. */
export interface ClientSession<TUser> {
  readonly state: SessionState<TUser>;
  /** Asks for a new session; signing out before the answer comes makes it void. */
  readonly begin: <T>(
    ask: () => Promise<T>,
    read: (answer: T) => AuthResultOf<TUser>,
  ) => Promise<T>;
  /** A token that is good for a while, refreshed first if need be. */
  readonly ticket: () => Promise<Ticket>;
  /** Another ticket of the same session, after the server has refused this one as expired or stale. */
  readonly replace: (spent: Ticket) => Promise<Ticket>;
  /** @throws TRPCClientError with `session_revoked` when the ticket's session is not the present one */
  readonly assertCurrent: (ticket: Ticket) => void;
  /** Goes on with new tokens. */
  readonly adopt: (result: AuthResultOf<TUser>) => Promise<void>;
  /** Takes note of what the server says of the user who is signed in. */
  readonly noteUser: (user: unknown) => void;
  /** Ends the session if this ticket is still its newest. */
  readonly lose: (ticket: Ticket, reason: Reason | null) => Promise<void>;
  /** Ends the session here and tells the server. */
  readonly signOut: () => Promise<void>;
  /** Refreshes now. */
  readonly refresh: () => Promise<TUser | null>;
  /** Runs what replaces the refresh token while nobody else does. */
  readonly exclusive: <T>(task: () => Promise<T>) => Promise<T>;
  readonly close: () => void;
}

/** What a session is made of. */
export interface SessionOptions<TUser> {
  /** `null` in cookie mode: the browser keeps the refresh token. */
  readonly storage: SessionStorage | null;
  /** The name under which the clients of one cookie jar find each other. */
  readonly cookieScope: string;
  /** In cookie mode, who is signed in, if that is known already. */
  readonly initialUser: TUser | null | undefined;
  readonly runtime: ClientRuntime;
  /** Calls a procedure without a credential, past everything that is decided here. */
  readonly request: (path: string, input: object, signal?: AbortSignal) => Promise<unknown>;
}

/**
 * How long one request for a refresh may take. Two of them and the way there
 * must fit into the server's grace of 10 s, within which it answers the same
 * successor to the same token.
 */
const refreshTimeoutMs = 4_500;

/** A token is replaced ahead of its end by a tenth of its lifetime, and at most this much. */
const maxRefreshMarginMs = 30_000;

/** Between two tries to find out who is signed in: the first pause, and the longest. */
const minPauseMs = 1_000;
const maxPauseMs = 30_000;

/** What another tab does is told of and stored by two ways, of which either may be the longer. */
const maxTries = 10;
const betweenTriesMs = 20;

const loading = { status: 'loading', user: null, reason: null } as const;

/** What becomes of a call whose session has ended. */
export function endedError(): TRPCClientError<never> {
  return new TRPCClientError(
    'The session of this call ended before its answer came, so the answer was dropped; what it changed is changed. [session_revoked]',
  );
}

/**
 * Holds the tokens and decides on them. They stay in its closure: nothing that
 * is returned here shows one when it is printed.
 */
export function createSession<TUser extends SessionUser>(
  options: SessionOptions<TUser>,
): ClientSession<TUser> {
  const { storage, runtime, request } = options;
  const mode = storage ? 'bearer' : 'cookie';
  const cookieScope = runtime.hasCookieJar ? options.cookieScope : undefined;
  const tabs = createTabs(storage ? storage.scope : cookieScope, runtime, onMessage);
  // A slow removal must not overtake the writing before it.
  const inTurn = createQueue();
  const events = new EventTarget();

  let generation = 0;
  let signOuts = 0;
  let access: AccessToken | null = null;
  let refreshToken: string | null = null;
  /** What the storage held when last seen: if it holds something else, somebody else wrote it. */
  let seen: string | null = null;
  let refreshing: Promise<void> | null = null;
  let finding: Promise<void> | null = null;
  let isClosed = false;

  const initial = initialSnapshot(storage ? undefined : options.initialUser);
  let snapshot = initial;
  readAtOnce();

  return {
    state: { subscribe, getSnapshot: () => snapshot, getServerSnapshot: () => initial },
    begin,
    ticket,
    replace,
    assertCurrent,
    adopt,
    noteUser,
    lose,
    signOut,
    refresh,
    exclusive: (task) => tabs.exclusive(task),
    close() {
      isClosed = true;
      tabs.close();
    },
  };

  function subscribe(listener: () => void): () => void {
    const onChange = (): void => listener();
    events.addEventListener('change', onChange);
    // Whoever watches wants to know.
    finding ??= findOut();
    return () => events.removeEventListener('change', onChange);
  }

  function publish(next: SessionSnapshot<TUser>): void {
    const before = snapshot;
    if (before.status !== next.status || before.user?.id !== next.user?.id) generation++;
    if (JSON.stringify(before) === JSON.stringify(next)) return;
    snapshot = next;
    // The platform reports a listener that throws, and goes on with the others.
    events.dispatchEvent(new Event('change'));
  }

  /** Read through a function, since what is known of a variable does not survive an `await`. */
  function status(): SessionSnapshot<TUser>['status'] {
    return snapshot.status;
  }

  async function ticket(): Promise<Ticket> {
    if (status() === 'loading') await restore();
    const current = generation;
    if (status() === 'signed-in' && !isFresh()) await refreshOnce();
    if (generation !== current) throw endedError();
    const { token = null, isBorrowed = false } = access ?? {};
    return { accessToken: token, generation, isBorrowed };
  }

  async function replace(spent: Ticket): Promise<Ticket> {
    assertCurrent(spent);
    if (access?.token === spent.accessToken) access = null;
    return ticket();
  }

  function assertCurrent(of: Ticket): void {
    if (of.accessToken !== null && of.generation !== generation) throw endedError();
  }

  function isFresh(): boolean {
    return access !== null && runtime.now() < access.renewAt;
  }

  /** Lifetimes are counted here from when the token came, so that a wrong clock does not matter. */
  function take(result: AuthResultOf<TUser>, isBorrowed = false): void {
    const lifetimeMs = result.expiresIn * 1000;
    const renewAt = runtime.now() + lifetimeMs - Math.min(maxRefreshMarginMs, lifetimeMs / 10);
    access = { token: result.accessToken, renewAt, isBorrowed };
    refreshToken = result.refreshToken;
    publish({ status: 'signed-in', user: result.user, reason: null });
  }

  async function adopt(result: AuthResultOf<TUser>): Promise<void> {
    take(result);
    await save();
    tabs.post(result);
  }

  async function begin<T>(
    ask: () => Promise<T>,
    read: (answer: T) => AuthResultOf<TUser>,
  ): Promise<T> {
    const before = signOuts;
    const answer = await ask();
    const result = read(answer);
    if (signOuts !== before) {
      abandon(result);
      throw endedError();
    }
    await adopt(result);
    return answer;
  }

  /** A session that nobody will hold ends at the server too, as far as it can be reached. */
  function abandon(result: AuthResultOf<TUser>): void {
    // In cookie mode the cookie may be a later session's already.
    if (storage || status() === 'signed-out') {
      tellSignedOut(result.refreshToken).catch(() => undefined);
    }
  }

  /** Not stored: the next refresh brings it again. */
  function noteUser(user: unknown): void {
    if (isUser(user) && user.id === snapshot.user?.id) {
      // `user.update` answers the type of user that `auth.login` does.
      publish({ status: 'signed-in', user: user as TUser, reason: null });
    }
  }

  async function save(): Promise<void> {
    if (!storage || refreshToken === null) return;
    const text = JSON.stringify({ refreshToken, user: snapshot.user });
    await inTurn(async () => {
      await storage.set(text);
      seen = text;
    });
  }

  function end(reason: Reason | null): void {
    access = refreshToken = null;
    if (status() !== 'signed-out') publish({ status: 'signed-out', user: null, reason });
  }

  async function endEverywhere(reason: Reason | null): Promise<void> {
    end(reason);
    await forget();
    tabs.post({ reason });
  }

  /** @returns the refresh token that was stored */
  function forget(): Promise<string | undefined> {
    return inTurn(async () => {
      const saved = storage && parseSavedSession(await storage.get());
      await storage?.remove();
      seen = null;
      return saved?.refreshToken;
    });
  }

  /** Follows what another client has done to the storage meanwhile. */
  function follow(text: string | null, reason: Reason | null): void {
    if (text === seen && status() !== 'loading') return;
    seen = text;
    const saved = parseSavedSession<TUser>(text);
    if (saved) {
      if (saved.refreshToken !== refreshToken) access = null;
      refreshToken = saved.refreshToken;
      publish({ status: 'signed-in', user: saved.user, reason: null });
    } else {
      end(reason);
    }
  }

  async function catchUp(reason: Reason | null = null): Promise<void> {
    const before = generation;
    await inTurn(async () => {
      const text = storage && (await storage.get());
      // What was read before a sign-out must not undo it.
      if (storage && generation === before) follow(text, reason);
    });
  }

  /** A storage that answers at once is read before the first paint. */
  function readAtOnce(): void {
    const text = storage?.get();
    if (text === null || typeof text === 'string') follow(text, null);
    else text?.then(followAtFirst, () => undefined);
  }

  /** When the reading fails, the first call reads again and has the error. */
  function followAtFirst(text: string | null): void {
    if (status() === 'loading') follow(text, null);
  }

  /** Asks who is signed in until there is an answer; a call that wants to know has the error. */
  async function findOut(): Promise<void> {
    for (let pauseMs = minPauseMs; status() === 'loading' && !isClosed; pauseMs *= 2) {
      await restore().catch(() =>
        // Whatever it was may be over then.
        passed(runtime.timeout(Math.min(pauseMs, maxPauseMs))),
      );
    }
  }

  async function restore(): Promise<void> {
    if (storage) return catchUp();
    try {
      await refreshOnce();
    } catch (error) {
      // A refusal is an answer: it is nobody. And somebody may have signed in meanwhile.
      if (status() !== 'signed-in' && !isUnauthorized(error)) throw error;
    }
  }

  function refreshOnce(): Promise<void> {
    refreshing ??= tabs.exclusive(renew).finally(() => {
      refreshing = null;
    });
    return refreshing;
  }

  async function renew(hasWaited: boolean): Promise<void> {
    const before = generation;
    await catchUp();
    // Another tab may have done it meanwhile, and what it tells of that be on its way still.
    if (hasWaited) await soon(isFresh);
    if (generation !== before) throw endedError();
    if (isFresh()) return;
    const sent = refreshToken;
    const result = await requestRefresh(sent).catch(async (error: unknown) => {
      if (generation !== before) throw endedError();
      if (isUnauthorized(error)) await loseRefreshToken(sent, reasonOf(error));
      throw error;
    });
    await catchUp();
    if (generation !== before) throw endedError();
    if (refreshToken === sent) await adopt(result);
    // A client that could not be waited for was given the same successor.
    else if (refreshToken === result.refreshToken) take(result);
    // Or it is further ahead, and what it stored is newer than this answer.
    else await renew(false);
  }

  async function requestRefresh(sent: string | null): Promise<AuthResultOf<TUser>> {
    const ask = (): Promise<unknown> =>
      request(
        'auth.refresh',
        sent === null ? {} : { refreshToken: sent },
        runtime.timeout(refreshTimeoutMs),
      );
    // A reply that was lost on its way is asked for again, once: within the
    // grace the server answers the same successor.
    const answer = await ask().catch((error: unknown) => {
      if (isLostReply(error)) return ask();
      throw error;
    });
    return parseAuthResult<TUser>(answer, mode);
  }

  async function lose(of: Ticket, reason: Reason | null): Promise<void> {
    if (of.accessToken === access?.token) await loseRefreshToken(refreshToken, reason);
  }

  async function loseRefreshToken(lost: string | null, reason: Reason | null): Promise<void> {
    const before = generation;
    await catchUp(reason);
    // Meanwhile another tab has signed in, or changed the password.
    if (generation !== before || refreshToken !== lost) return;
    // No credential at all is not a session that was ended.
    await endEverywhere(reason === 'token_missing' ? null : reason);
  }

  async function signOut(): Promise<void> {
    signOuts++;
    let token = refreshToken;
    end(null);
    try {
      token = (await forget()) ?? token;
    } finally {
      tabs.post({ reason: null });
      if (!storage || token !== null) await tellSignedOut(token);
    }
  }

  async function tellSignedOut(token: string | null): Promise<void> {
    await request('auth.logout', token === null ? {} : { refreshToken: token });
  }

  async function refresh(): Promise<TUser | null> {
    access = null;
    if (status() !== 'signed-in') await restore();
    if (status() === 'signed-in' && !isFresh()) await refreshOnce();
    return snapshot.user;
  }

  /** Messages are hints: where there is a storage, it has the last word. */
  function onMessage(message: unknown): void {
    hear(message).catch(() => undefined);
  }

  async function hear(message: unknown): Promise<void> {
    if (typeof message !== 'object' || message === null) return;
    if ('reason' in message) {
      const reason = reasonOf({ data: message });
      if (storage) await catchUpWith(null, reason);
      else end(reason);
      return;
    }
    const result = parseAuthResult<TUser>(message, mode);
    await catchUpWith(result.refreshToken);
    if (!storage || refreshToken === result.refreshToken) take(result, true);
  }

  /** What another process has stored may be told of before it can be read. */
  async function catchUpWith(told: string | null, reason: Reason | null = null): Promise<void> {
    await soon(async () => {
      await catchUp(reason);
      return refreshToken === told;
    });
  }

  /** Resolves when it is so, or when it has not become so in a while. */
  async function soon(isSo: () => boolean | Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < maxTries && !(await isSo()); tries++) {
      await passed(runtime.timeout(betweenTriesMs));
    }
  }
}

function initialSnapshot<TUser>(user: TUser | null | undefined): SessionSnapshot<TUser> {
  if (user === undefined) return loading;
  return user === null
    ? { status: 'signed-out', user, reason: null }
    : { status: 'signed-in', user, reason: null };
}

function passed(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve());
  });
}
