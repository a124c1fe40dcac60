/**
 * Every way a call can be refused: the closed union that servers answer with
 * and clients branch on. Reasons are API and never change; messages are prose.
 *
 * `code` is the tRPC error code of the reason, and the only place from which
 * its HTTP status is derived.
 */
export const reasons = {
  invalid_credentials: {
    code: 'UNAUTHORIZED',
    message: 'The sign-in details are not right. Check them and try again.',
  },
  token_missing: {
    code: 'UNAUTHORIZED',
    message: 'This call needs a signed-in user. Sign in and send the access token.',
  },
  token_invalid: {
    code: 'UNAUTHORIZED',
    message: 'The token is not one that this server accepts. Sign in again.',
  },
  token_expired: {
    code: 'UNAUTHORIZED',
    message: 'The token has expired. Refresh the session and repeat the call.',
  },
  session_revoked: {
    code: 'UNAUTHORIZED',
    message: 'The session has ended. Sign in again.',
  },
  token_stale: {
    code: 'UNAUTHORIZED',
    message: 'The role of this user has changed. Refresh the session and repeat the call.',
  },
  refresh_reused: {
    code: 'UNAUTHORIZED',
    message: 'This refresh token was used before, so its session was ended. Sign in again.',
  },
  forbidden: {
    code: 'FORBIDDEN',
    message: 'This is not allowed for you. Ask an administrator for the permission.',
  },
  last_admin: {
    code: 'CONFLICT',
    message: 'This is the last active admin. Make another user an admin first.',
  },
  email_taken: {
    code: 'CONFLICT',
    message: 'An account with this e-mail address exists. Sign in, or use another address.',
  },
  username_taken: {
    code: 'CONFLICT',
    message: 'This username is taken. Choose another one.',
  },
  weak_password: {
    code: 'BAD_REQUEST',
    message: 'This password is too easy to guess. Choose another one.',
  },
  invalid_input: {
    code: 'BAD_REQUEST',
    message: 'The request is not of the form that this procedure takes.',
  },
  not_found: {
    code: 'NOT_FOUND',
    message: 'There is nothing here by that name.',
  },
  rate_limited: {
    code: 'TOO_MANY_REQUESTS',
    message: 'Too many tries. Wait as long as Retry-After says, then try again.',
  },
  overloaded: {
    code: 'SERVICE_UNAVAILABLE',
    message: 'The server is too busy for this right now. Try again in a moment.',
  },
  internal: {
    code: 'INTERNAL_SERVER_ERROR',
    message: 'Something went wrong on the server. Try again, or report the request id.',
  },
} as const satisfies Record<string, { code: string; message: string }>;

/** One of the ways in which a call can be refused. */
export type Reason = keyof typeof reasons;

/** True for a string that is one of the reasons. */
export function isReason(value: unknown): value is Reason {
  return typeof value === 'string' && Object.hasOwn(reasons, value);
}

/** Which rule a refused password broke; stands in `data.detail` beside `weak_password`. */
export const passwordRules = ['too_short', 'too_long', 'common', 'personal'] as const;
export type PasswordRule = (typeof passwordRules)[number];
