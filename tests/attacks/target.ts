import type { LatchkeyOptions } from '../../server/compose.ts';
import {
  createApi,
  goodPassword,
  me,
  refusalOf,
  refusals,
  sessionsOf,
  signedInOf,
  valueOf,
  type Answer,
  type Api,
  type CallOptions,
  type SignedIn,
} from '../contract/api.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';

type Kit = Awaited<ReturnType<typeof createKit>>;

function createKit(options: LatchkeyOptions) {
  return createTestLatchkey(options);
}

/** A real server on a real socket, and somebody who must not notice what is done to it. */
export interface Target extends AsyncDisposable {
  readonly t: Kit;
  readonly api: Api;
  readonly url: string;
  /** Registered at the start, from an address of their own where addresses count. */
  readonly victim: SignedIn;
  /**
   * The sign of state unchanged (`∅`): the victim signs in with the password, has the
   * same role and the same sessions, and the live refresh token works.
   *
   * @throws Error that says what has changed
   */
  assertUnharmed(): Promise<void>;
}

const victimsHeaders = from('203.0.113.77');

export async function startTarget(options: LatchkeyOptions = {}): Promise<Target> {
  const t = await createKit(options);
  const { url } = await t.serve();
  const api = createApi(url);
  const input = { email: 'victim@attacks.example', password: goodPassword };
  let victim = signedInOf(await api.mutate('auth.register', { input, headers: victimsHeaders }));
  const { user } = victim;

  return {
    t,
    api,
    url,
    get victim() {
      return victim;
    },
    async assertUnharmed() {
      const { refreshToken } = victim;
      victim = signedInOf(
        await api.mutate('auth.refresh', { input: { refreshToken }, headers: victimsHeaders }),
      );
      const again = signedInOf(await api.mutate('auth.login', { input, headers: victimsHeaders }));
      const seen = await me(api, again.accessToken);
      valueOf(await api.mutate('auth.logout', { input: { refreshToken: again.refreshToken } }));
      const sessions = sessionsOf(await api.query('session.list', { token: victim.accessToken }));
      if (sessions.length !== 1) throw new Error(`The victim has ${sessions.length} sessions.`);
      if (JSON.stringify(seen) !== JSON.stringify(user)) throw new Error('The victim has changed.');
    },
    [Symbol.asyncDispose]: () => t.close(),
  };
}

/** Headers of a call that a proxy on this machine forwards for that address. */
export function from(ip: string): Readonly<Record<string, string>> {
  return { 'x-forwarded-for': ip };
}

/** What became of a call, in a word or three. */
export function outcomeOf(answer: Answer): string {
  return answer.status === 200 ? 'answered' : refusalOf(answer);
}

/** How often each outcome came. */
export function tally(outcomes: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/** Does one thing for each item, so many at once, and keeps the order. */
export async function inGroups<T, R>(
  items: readonly T[],
  size: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += size) {
    const group = items.slice(start, start + size);
    results.push(...(await Promise.all(group.map((item, index) => work(item, start + index)))));
  }
  return results;
}

/** 0, 1, 2 … below the count. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Each of these tokens is refused, as not one of this server's. */
export async function assertRefused(
  answerTo: (token: string) => Promise<string>,
  tokens: readonly string[],
): Promise<void> {
  const outcomes = await inGroups(tokens, 50, answerTo);
  const wrong = tokens.filter((_, index) => outcomes[index] !== refusals.tokenInvalid);
  if (tokens.length === 0 || wrong.length > 0) {
    throw new Error(`${wrong.length} of ${tokens.length} tokens were not refused: ${wrong[0]}`);
  }
}

/** A sign-in attempt. */
export function login(
  api: Api,
  input: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return api.mutate('auth.login', { input, headers });
}

/** Makes calls with a body that is sent as it is. */
export function postTo(
  api: Api,
): (
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers?: CallOptions['headers'],
) => Promise<Answer> {
  return (path, body, headers) =>
    api.send(`/trpc/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
}
