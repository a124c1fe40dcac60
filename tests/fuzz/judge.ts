import { parseCookie } from 'cookie';
import { isReason } from '../../shared/reasons.ts';
import type { AuthResult, Session, User } from '../../shared/schemas.ts';
import { procedures } from '../contract/procedures.ts';
import { findLeak } from './find-leak.ts';
import type { WireRequest } from './render.ts';
import type { WireAnswer } from './wire.ts';
import type { KnownToken, Person, World } from './world.ts';

/** What a call was answered with. */
interface Element {
  readonly result?: { readonly data?: unknown };
  readonly error?: { readonly data: Readonly<Record<string, unknown>> };
}

/**
 * Holds an answer against what every answer has to be, whatever was asked.
 *
 * @returns what each call was answered with; nothing for an answer that is not tRPC's
 * @throws Error that says what is wrong with it
 */
export function judgeAnswer(
  world: World,
  request: WireRequest,
  answer: WireAnswer,
): readonly Element[] {
  const { status, headers } = answer;
  const [retryAfter = ''] = headers.get('retry-after') ?? [];
  if (status >= 500 && status !== 503) throw new Error('It is an error of the server.');
  if ((status === 503 || status === 429) && !/^[1-9]\d*$/.test(retryAfter)) {
    throw new Error('It does not say when to come back.');
  }
  const [type = ''] = headers.get('content-type') ?? [];
  assertNothingLeaks(world, request, answer);
  // What is no path of ours, and what Node turns away before we hear of it.
  const isPlain = type === 'text/plain; charset=utf-8' && /^(?:Not found\n)?$/.test(answer.body);
  if ((isPlain && status === 404) || (type === '' && answer.body === '')) return [];
  if (type !== 'application/json; charset=utf-8') throw new Error('It is not JSON.');
  if (headers.get('x-content-type-options')?.join() !== 'nosniff') throw new Error('Not nosniff.');
  if (headers.has('transfer-encoding')) {
    for (const line of answer.body.split('\n')) if (line.trim() !== '') walk(JSON.parse(line));
    return [];
  }
  if (request.method === 'HEAD') return [];
  const body = JSON.parse(answer.body) as Element | readonly Element[];
  walk(body);
  if (!request.target.startsWith('/trpc/') && status < 400) return [];
  const elements = isList(body) ? body : [body];
  for (const element of elements) assertElement(element, isList(body) ? null : status);
  return elements;
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

/** Wherever an error stands, its reason is one of the union. */
function walk(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if ('httpStatus' in value && !('reason' in value && isReason(value.reason))) {
    throw new Error('An error has no reason of ours.');
  }
  for (const inner of Object.values(value)) walk(inner);
}

const errorKeys = new Set([
  'code',
  'httpStatus',
  'path',
  'reason',
  'detail',
  'issues',
  'retryAfter',
  'requestId',
]);

function assertElement(element: Element, status: number | null): void {
  const keys = Object.keys(element).join();
  if (keys === 'result' && (status ?? 200) === 200) return;
  if (keys !== 'error' || !element.error) throw new Error('It is not of the shape of tRPC.');
  const { data } = element.error;
  const isOfShape =
    Object.keys(element.error).toSorted().join() === 'code,data,message' &&
    Object.keys(data).every((key) => errorKeys.has(key)) &&
    data['httpStatus'] === (status ?? data['httpStatus']);
  if (!isOfShape || data['reason'] === 'internal') throw new Error('It is not of our shape.');
}

/** Tokens go to whom they are for in one place alone; nobody learns of anybody else. */
function assertNothingLeaks(world: World, request: WireRequest, { body }: WireAnswer): void {
  const rest = body.replaceAll(/"(?:accessToken|refreshToken)":"[\w.-]+"/g, '');
  const leak = findLeak(rest, world.refreshTokens.keys());
  if (leak !== null) throw new Error(`${leak} stands in it.`);
  const own = tokenOf(world, request)?.owner;
  if (own?.role === 'admin') return;
  for (const person of world.people) {
    if (!rest.includes(person.email)) continue;
    // Whoever is gone leaves an address that somebody else may take.
    const holders = world.people.filter(({ email }) => email === person.email);
    if (holders.some((each) => each === own || presents(request, each))) continue;
    throw new Error(`${person.email} stands in it.`);
  }
}

/** Whether a request names somebody together with a credential of theirs. */
function presents({ headers, body, target }: WireRequest, person: Person): boolean {
  const sent = `${JSON.stringify(headers)}${body?.toString() ?? ''}${decodeQuery(target)}`;
  const { password } = person;
  return (
    sent.includes(person.email) ||
    ((password === null || sent.includes(password)) &&
      sent.includes(person.username ?? person.id)) ||
    person.refreshTokens.some((token) => sent.includes(token))
  );
}

/** The one bearer token of a request, spelt as it has to be. */
function bearerOf({ headers }: WireRequest): string | null {
  const [authorization = '', ...others] = valuesOf(headers, 'authorization');
  const [, token] = /^[ \t]*Bearer (\S+)[ \t]*$/i.exec(authorization) ?? [];
  return others.length === 0 ? (token ?? null) : null;
}

function tokenOf(world: World, request: WireRequest): KnownToken | null {
  return world.accessTokens.get(bearerOf(request) ?? '') ?? null;
}

function valuesOf(headers: WireRequest['headers'], wanted: string): string[] {
  return headers.flatMap(([name, value]) => (name.toLowerCase() === wanted ? [value] : []));
}

function decodeQuery(target: string): string {
  const mark = target.indexOf('?');
  return new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1)).get('input') ?? '';
}

/** A call with everything that could authorise it. */
interface AnsweredCall {
  readonly world: World;
  readonly path: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly data: unknown;
  /** Who the access token is for, if it is good at this moment. */
  readonly signedIn: KnownToken | null;
  /** Who it is for, whether or not it is good. */
  readonly token: KnownToken | null;
  readonly bearer: string | null;
  readonly cookie: string | null;
  readonly answer: WireAnswer;
  /** How things were when the request was sent: the calls of a batch run at once. */
  readonly before: {
    readonly isAdmin: boolean;
    readonly active: ReadonlySet<Person>;
    readonly ended: ReadonlySet<string>;
    /** One that begins in the same batch may begin after it ended all. */
    readonly sessions: ReadonlyMap<Person, readonly string[]>;
    readonly usernames: ReadonlyMap<Person, string | null>;
  };
}

/**
 * Holds each call that succeeded against who asked for it and with what, and changes the people
 * of the world as it has to have changed them.
 *
 * @throws Error for a call that must not have succeeded
 */
export function judgeCalls(
  world: World,
  request: WireRequest,
  {
    elements,
    answer,
    isObserved,
  }: {
    readonly elements: readonly Element[];
    readonly answer: WireAnswer;
    readonly isObserved: boolean;
  },
): void {
  if (elements.length === 0) return;
  const path = /^\/trpc\/([^?# ]*)/.exec(request.target)?.[1] ?? '';
  const isBatch = answer.body.startsWith('[');
  const paths = isBatch ? path.split(',') : [path];
  const text = request.method === 'GET' ? decodeQuery(request.target) : request.body?.toString();
  const token = tokenOf(world, request);
  const bearer = bearerOf(request);
  const signedIn = token && isGood(world, token) ? token : null;
  const [jar = ''] = valuesOf(request.headers, 'cookie');
  const cookie = parseCookie(jar)[world.cookieName] || null;
  const calls = elements.map((element, index) => {
    const whole = parse(text ?? '');
    const input = isBatch ? asRecord(whole)[String(index)] : whole;
    const data = element.result?.data;
    const of = { path: paths[index] ?? '', input: asRecord(input), data };
    return { ...of, reason: element.error?.data['reason'], isAnswered: 'result' in element };
  });
  const before = {
    isAdmin: signedIn?.owner.role === 'admin',
    active: new Set(world.people.filter(isActive)),
    ended: new Set(world.ended),
    sessions: new Map(world.people.map((person) => [person, [...person.sessions]])),
    usernames: new Map(world.people.map((person) => [person, person.username])),
  };
  const about = { world, token, bearer, signedIn, cookie, answer, before };
  for (const { reason, isAnswered, ...call } of calls) {
    const answered: AnsweredCall = { ...call, ...about };
    if (reason === 'refresh_reused') endSession(world, presentedSession(answered));
    if (!isAnswered) continue;
    const kind = procedures.find((row) => row.path === call.path)?.kind;
    if ((request.method === 'GET' ? 'query' : 'mutation') !== kind) {
      throw new Error(`${call.path} answered to ${request.method}.`);
    }
    if (kind === 'mutation' && cookie !== null) assertFromOwnPage(world, request);
    const wrong = wrongWith(answered, isObserved);
    if (wrong !== null) throw new Error(`${call.path} succeeded: ${wrong}.`);
  }
}

function assertFromOwnPage({ allowedOrigins }: World, { headers }: WireRequest): void {
  const [origin = '', ...others] = valuesOf(headers, 'origin');
  const isCross = valuesOf(headers, 'sec-fetch-site').includes('cross-site');
  if (others.length > 0 || isCross || !allowedOrigins.includes(origin.trim())) {
    throw new Error('A page of another origin used the cookie.');
  }
}

function isGood(
  world: World,
  { owner, session, version, usableFrom, expiresAt }: KnownToken,
): boolean {
  return (
    isActive(owner) &&
    version === owner.version &&
    !world.ended.has(session) &&
    world.now() >= usableFrom &&
    world.now() < expiresAt
  );
}

function isActive({ isDeleted, status }: Person): boolean {
  return !isDeleted && status === 'active';
}

function presentedToken({ input, cookie }: AnsweredCall): string | null {
  const { refreshToken } = input;
  return typeof refreshToken === 'string' ? refreshToken : cookie;
}

function presentedSession(call: AnsweredCall): string | null {
  return call.world.refreshTokens.get(presentedToken(call) ?? '')?.session ?? null;
}

function endSession({ ended }: World, session: string | null): void {
  if (session !== null) ended.add(session);
}

/** What was wrong about letting a call succeed, or `null`; then what it did is taken over. */
function wrongWith(call: AnsweredCall, isObserved: boolean): string | null {
  if (call.path.startsWith('auth.')) return wrongWithAuth(call, isObserved);
  if (!call.signedIn) return 'nobody was signed in';
  if (call.path.startsWith('admin.')) return wrongWithAdmin(call);
  return isObserved ? wrongWithOwn(call, call.signedIn) : null;
}

function wrongWithAuth(call: AnsweredCall, isObserved: boolean): string | null {
  const { world, path, input, data, token, bearer, signedIn, before } = call;
  if (path === 'auth.logout') {
    if (!(data as { revoked: boolean }).revoked) return null;
    const named = token?.session ?? (bearer === null ? undefined : world.resigned.get(bearer));
    const session = presentedToken(call) === null ? named : presentedSession(call);
    if (session == null) return 'a session ended, and none was named';
    endSession(world, session);
    return null;
  }
  const result = data as AuthResult;
  const known = world.people.find(({ id }) => id === result.user.id);
  // In cookie mode, where there is no token in the answer, a sign-in takes the cookie's session's place.
  if (path !== 'auth.refresh' && result.refreshToken === null) {
    endSession(world, world.refreshTokens.get(call.cookie ?? '')?.session ?? null);
  }
  if (path === 'auth.register') {
    const { email, role, status } = result.user;
    if (known) return 'the account was there';
    if (role !== 'user' || status !== 'active') return `the account is ${role} and ${status}`;
    if (email !== folded(input['email'])) return 'the address is another one';
    if (isObserved) keepTokens(call, world.add(result.user, passwordOf(input['password'])));
    return null;
  }
  // Registered by a request whose answer was lost.
  if (!known) return isObserved ? 'nobody knows the account' : null;
  if (!before.active.has(known)) return 'the account is out of service';
  if (path === 'auth.login') {
    const isNamed =
      known.email === folded(input['email']) ||
      [known.username, before.usernames.get(known)].includes(folded(input['username']));
    if (!isNamed) return 'another account was named';
    const isRight = known.password === null || known.password === passwordOf(input['password']);
    if (!isRight) return 'the password was wrong';
  } else {
    const presented = presentedToken(call) ?? '';
    const refreshed = world.refreshTokens.get(presented);
    if (refreshed?.owner !== known) return 'the refresh token was not of this account';
    if (before.ended.has(refreshed.session)) return 'the session has ended';
    if (before.ended.has(presented)) return 'the token was from before the password was changed';
    if (signedIn && signedIn.session !== refreshed.session) return 'two sessions were named';
  }
  if (isObserved) keepTokens(call, known);
  return null;
}

function wrongWithOwn(call: AnsweredCall, { owner, session }: KnownToken): string | null {
  const { world, path, input, data, before } = call;
  const own = before.sessions.get(owner) ?? [];
  const others = own.filter((id) => id !== session);
  switch (path) {
    case 'user.me':
      return (data as User).id === owner.id ? null : 'it is somebody else';
    case 'user.update': {
      const { id, name, username } = data as User;
      // What it does not name another call of its batch may have changed.
      if ('name' in input) owner.name = name;
      if ('username' in input) owner.username = username;
      return id === owner.id ? null : 'it is somebody else';
    }
    case 'user.changePassword': {
      const isRight =
        owner.password === null || owner.password === passwordOf(input['currentPassword']);
      if (!isRight) return 'the password was wrong';
      owner.password = passwordOf(input['newPassword']);
      for (const id of [...others, ...owner.refreshTokens]) world.ended.add(id);
      keepTokens(call, owner);
      return null;
    }
    case 'user.delete':
      owner.isDeleted = true;
      return owner.password === null || owner.password === passwordOf(input['password'])
        ? null
        : 'the password was wrong';
    case 'session.list': {
      const strangers = world.people.filter((person) => person !== owner);
      const seen = (data as Session[]).map(({ id }) => id);
      const isForeign = strangers.some(({ sessions }) => sessions.some((id) => seen.includes(id)));
      return isForeign ? 'it shows sessions of somebody else' : null;
    }
    case 'session.revoke': {
      if (!(data as { revoked: boolean }).revoked) return null;
      const id = folded(input['sessionId']);
      const holder = world.people.find(({ sessions }) => sessions.includes(id));
      endSession(world, id);
      return holder && holder !== owner ? 'the session was of somebody else' : null;
    }
    case 'session.revokeOthers':
      for (const id of others) world.ended.add(id);
      return null;
    case 'session.revokeAll':
      for (const id of own) world.ended.add(id);
      return null;
    default:
      return 'there is no such procedure';
  }
}

function wrongWithAdmin({ world, path, input, data, before }: AnsweredCall): string | null {
  if (!before.isAdmin) return 'it was no admin';
  const target = world.people.find(({ id }) => id === folded(input['userId']));
  switch (path) {
    case 'admin.setRole':
    case 'admin.disableUser':
    case 'admin.enableUser': {
      const changed = data as User;
      // Registered by a request whose answer was lost.
      if (!target) return null;
      if (changed.id !== target.id) return 'somebody else was changed';
      if (changed.role !== target.role) target.version += 1;
      Object.assign(target, { role: changed.role, status: changed.status });
      if (changed.status === 'disabled') {
        for (const id of before.sessions.get(target) ?? []) world.ended.add(id);
      }
      return null;
    }
    case 'admin.revokeSessions':
      for (const id of (target && before.sessions.get(target)) ?? []) world.ended.add(id);
      return null;
    default:
      return null;
  }
}

function keepTokens({ world, data, answer }: AnsweredCall, owner: Person): void {
  const { accessToken, refreshToken } = data as AuthResult;
  const pattern = new RegExp(`^${world.cookieName}=([\\w-]+);`);
  const fromCookie = answer.headers
    .get('set-cookie')
    ?.flatMap((line) => pattern.exec(line)?.[1] ?? [])
    .at(-1);
  world.keep(owner, { accessToken, refreshToken: refreshToken ?? fromCookie ?? null });
}

function folded(value: unknown): string {
  return typeof value === 'string' ? value.trim().toLowerCase() : '';
}

function passwordOf(value: unknown): string {
  return typeof value === 'string' ? value.normalize('NFC') : '';
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
