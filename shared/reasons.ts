/**
 * Every way a call can be refused: the closed union that servers answer with
 * and clients branch on. Reasons are API and never change; messages are prose.
 *
 * `code` is the tRPC error code of the reason, and the only place from which
 * its HTTP status is derived.
 */
export const reasons = {
  /** Unknown user, wrong password or disabled account: one answer, after one time, for all. */
  invalid_credentials: {
    code: 'UNAUTHORIZED',
    message: 'The sign-in details are not right. Check them and try again.',
  },
  /** A call for signed-in users without an access token, or a refresh without a refresh token. */
  token_missing: {
    code: 'UNAUTHORIZED',
    message: 'This call needs a signed-in user. Sign in and send the access token.',
  },
  /** Not a token of this server: malformed, of another kind, audience or issuer, or signed by an unknown key. */
  token_invalid: {
    code: 'UNAUTHORIZED',
    message: 'The token is not one that this server accepts. Sign in again.',
  },
  /** The access token was good and is past its end. */
  token_expired: {
    code: 'UNAUTHORIZED',
    message: 'The token has expired. Refresh the session and repeat the call.',
  },
  /** The session has ended: by signing out, revocation, a reused refresh token, a new password elsewhere, or with its user. */
  session_revoked: {
    code: 'UNAUTHORIZED',
    message: 'The session has ended. Sign in again.',
  },
  /** The role of the user has changed since the access token was issued. */
  token_stale: {
    code: 'UNAUTHORIZED',
    message: 'The role of this user has changed. Refresh the session and repeat the call.',
  },
  /** A refresh token that was spent, outside the grace. Its session has been ended. */
  refresh_reused: {
    code: 'UNAUTHORIZED',
    message: 'This refresh token was used before, so its session was ended. Sign in again.',
  },
  /** Signed in and not allowed; or in cookie mode, a page of an origin that is not allowed. */
  forbidden: {
    code: 'FORBIDDEN',
    message: 'This is not allowed for you. Ask an administrator for the permission.',
  },
  /** The change would leave no active admin. */
  last_admin: {
    code: 'CONFLICT',
    message: 'This is the last active admin. Make another user an admin first.',
  },
  /** Registration with an address that an account has. */
  email_taken: {
    code: 'CONFLICT',
    message: 'An account with this e-mail address exists. Sign in, or use another address.',
  },
  /** Registration with, or change to, a username that an account has. */
  username_taken: {
    code: 'CONFLICT',
    message: 'This username is taken. Choose another one.',
  },
  /** A new password that the policy refuses; `data.detail` says by which rule. */
  weak_password: {
    code: 'BAD_REQUEST',
    message: 'This password is too easy to guess. Choose another one.',
  },
  /** The input is not what the procedure takes, or the request is none that the server reads; `data.issues` says what is wrong where. */
  invalid_input: {
    code: 'BAD_REQUEST',
    message: 'The request is not of the form that this procedure takes.',
  },
  /** No such user, procedure or path. */
  not_found: {
    code: 'NOT_FOUND',
    message: 'There is nothing here by that name.',
  },
  /** A limit is met. `data.retryAfter` and the header `Retry-After` have the seconds to wait. */
  rate_limited: {
    code: 'TOO_MANY_REQUESTS',
    message: 'Too many tries. Wait as long as Retry-After says, then try again.',
  },
  /** The queue of password hashes is full, or the database did not answer in time; `Retry-After` has the seconds to wait. */
  overloaded: {
    code: 'SERVICE_UNAVAILABLE',
    message: 'The server is too busy for this right now. Try again in a moment.',
  },
  /** A fault of the server. `data.requestId` is in its log beside what happened. */
  internal: {
    code: 'INTERNAL_SERVER_ERROR',
    message: 'Something went wrong on the server. Try again, or report the request id.',
  },
} as const satisfies Record<string, { code: string; message: string }>;

/** The HTTP status of each code, which is tRPC's own. */
export const httpStatuses = {
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  TOO_MANY_REQUESTS: 429,
  INTERNAL_SERVER_ERROR: 500,
  SERVICE_UNAVAILABLE: 503,
} as const satisfies Record<(typeof reasons)[keyof typeof reasons]['code'], number>;

/** One of the ways in which a call can be refused. */
export type Reason = keyof typeof reasons;

/** True for a string that is one of the reasons. */
export function isReason(value: unknown): value is Reason {
  return typeof value === 'string' && Object.hasOwn(reasons, value);
}

/** Which rule a refused password broke; stands in `data.detail` beside `weak_password`. */
export const passwordRules = ['too_short', 'too_long', 'common', 'personal'] as const;
export type PasswordRule = (typeof passwordRules)[number];
