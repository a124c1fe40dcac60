import type { z } from 'zod';
import {
  auditPageOutput,
  builtInRoles,
  createRoleSchemas,
  sessionListOutput,
  type AuditEvent,
  type AuthResult,
  type Session,
  type User,
} from '../../shared/schemas.ts';

/** The body of a refused call. */
export interface WireError {
  readonly message: string;
  readonly code: number;
  readonly data: {
    readonly code: string;
    readonly httpStatus: number;
    readonly path?: string;
    readonly reason: string;
    readonly detail?: string;
    readonly issues?: readonly { readonly path: readonly unknown[]; readonly code: string }[];
    readonly retryAfter?: number;
    readonly requestId?: string;
  };
}

/** One answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** What a call is sent with. */
export interface CallOptions {
  readonly input?: unknown;
  /** Access token. */
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Calls of the contract as anybody can make them: plain HTTP, no client of ours. */
export interface Api {
  readonly url: string;
  query(path: string, options?: CallOptions): Promise<Answer>;
  mutate(path: string, options?: CallOptions): Promise<Answer>;
  send(target: string, init?: RequestInit): Promise<Answer>;
}

/** @param request how a request is sent; over a socket by default */
export function createApi(
  url: string,
  request: (url: string, init: RequestInit) => Promise<Response> = fetch,
): Api {
  async function send(target: string, init?: RequestInit): Promise<Answer> {
    const response = await request(`${url}${target}`, { redirect: 'error', ...init });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  function headersOf({ token, headers }: CallOptions): Record<string, string> {
    return { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers };
  }

  return {
    url,
    send,
    query(path, options = {}) {
      const { input } = options;
      const query =
        input === undefined ? '' : `?input=${encodeURIComponent(JSON.stringify(input))}`;
      return send(`/trpc/${path}${query}`, { headers: headersOf(options) });
    },
    mutate(path, options = {}) {
      const { input } = options;
      return send(`/trpc/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headersOf(options) },
        ...(input === undefined ? {} : { body: JSON.stringify(input) }),
      });
    },
  };
}

/**
 * The value of a call that has to be answered.
 *
 * @throws Error that shows the answer, when it is a refusal
 */
export function valueOf({ status, text }: Answer): unknown {
  const body = JSON.parse(text) as { result?: { data: unknown } };
  if (status !== 200 || !body.result) throw new Error(`Refused with ${status}: ${text}`);
  return body.result.data;
}

const schemas = createRoleSchemas(builtInRoles);

/** The value as it came: what the schema does not name is still there for the test to see. */
function checked<T>(answer: Answer, schema: z.ZodType<T>): T {
  const value = valueOf(answer);
  schema.parse(value);
  return value as T; // The line above would have thrown.
}

/** An `AuthResult` of a client that keeps its refresh token itself. */
export type SignedIn = AuthResult & { readonly refreshToken: string };

export function signedInOf(answer: Answer): SignedIn {
  const result = checked(answer, schemas.authResult);
  if (result.refreshToken === null) throw new Error('There is no refresh token.');
  return { ...result, refreshToken: result.refreshToken };
}

export function userOf(answer: Answer): User {
  return checked(answer, schemas.user);
}

export function userPageOf(answer: Answer): { users: User[]; nextCursor: string | null } {
  return checked(answer, schemas.userPage);
}

export function sessionsOf(answer: Answer): Session[] {
  return checked(answer, sessionListOutput);
}

export function auditPageOf(answer: Answer): { events: AuditEvent[]; nextCursor: string | null } {
  return checked(answer, auditPageOutput);
}

/** The error of a call that has to be refused. */
export function errorOf({ text }: Answer): WireError {
  const body = JSON.parse(text) as { error?: WireError };
  if (!body.error) throw new Error(`Not refused: ${text}`);
  return body.error;
}

/** A refusal in short: its HTTP status and its reason. */
export function refusalOf(answer: Answer): string {
  const { data } = errorOf(answer);
  return `${answer.status} ${data.code} ${data.reason}`;
}

/** What `refusalOf` answers for the refusals that many tests want. */
export const refusals = {
  tokenMissing: '401 UNAUTHORIZED token_missing',
  tokenInvalid: '401 UNAUTHORIZED token_invalid',
  tokenExpired: '401 UNAUTHORIZED token_expired',
  tokenStale: '401 UNAUTHORIZED token_stale',
  sessionRevoked: '401 UNAUTHORIZED session_revoked',
  refreshReused: '401 UNAUTHORIZED refresh_reused',
  invalidCredentials: '401 UNAUTHORIZED invalid_credentials',
  invalidInput: '400 BAD_REQUEST invalid_input',
  weakPassword: '400 BAD_REQUEST weak_password',
  forbidden: '403 FORBIDDEN forbidden',
  notFound: '404 NOT_FOUND not_found',
  lastAdmin: '409 CONFLICT last_admin',
  emailTaken: '409 CONFLICT email_taken',
  usernameTaken: '409 CONFLICT username_taken',
} as const;

/** A password that no rule refuses. */
export const goodPassword = 'correct horse battery staple';

let registered = 0;

/** Registers somebody new, over the wire. */
export async function register(
  api: Api,
  input: { readonly email?: string; readonly username?: string; readonly name?: string } = {},
): Promise<SignedIn> {
  registered += 1;
  const email = `person-${registered}@wire.example`;
  const answer = await api.mutate('auth.register', {
    input: { email, password: goodPassword, ...input },
  });
  return signedInOf(answer);
}

/** Signs in with the password of `register`, over the wire. */
export async function login(api: Api, email: string): Promise<SignedIn> {
  return signedInOf(await api.mutate('auth.login', { input: { email, password: goodPassword } }));
}

export function refresh(api: Api, refreshToken: string): Promise<Answer> {
  return api.mutate('auth.refresh', { input: { refreshToken } });
}

/** Whether the credentials of a sign-in are good for anything: `me`, then the refresh token. */
export async function whatWorks(
  api: Api,
  { accessToken, refreshToken }: SignedIn,
): Promise<{ me: boolean; refresh: boolean }> {
  const me = await api.query('user.me', { token: accessToken });
  const refreshed = await refresh(api, refreshToken);
  return { me: me.status === 200, refresh: refreshed.status === 200 };
}

export async function me(api: Api, token: string): Promise<User> {
  return userOf(await api.query('user.me', { token }));
}
