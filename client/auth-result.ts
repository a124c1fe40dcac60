import { TRPCClientError } from '@trpc/client';
import type { AuthResult } from '../shared/schemas.ts';

/** What the client itself reads of a user; everything else passes through. */
export interface SessionUser {
  readonly id: string;
}

/** An `AuthResult` whose user is of the router's own type. */
export type AuthResultOf<TUser> = Omit<AuthResult, 'user'> & { user: TUser };

/** What is kept of a session between two starts. The access token is not. */
export interface SavedSession<TUser> {
  readonly refreshToken: string;
  readonly user: TUser;
}

/** Longer ones fit no request header. */
const maxAccessTokenLength = 16_384;
/** As the server's own schema bounds it. */
const maxRefreshTokenLength = 512;

/**
 * Checks an answer by hand, so that no schema library reaches the browser,
 * and copies only what it knows.
 *
 * @throws TRPCClientError with reason `internal` when it is not of the form
 */
export function parseAuthResult<TUser extends SessionUser>(
  value: unknown,
  mode: 'bearer' | 'cookie',
): AuthResultOf<TUser> {
  if (
    !isRecord(value) ||
    !isToken(value['accessToken'], maxAccessTokenLength) ||
    typeof value['expiresIn'] !== 'number' ||
    !(value['expiresIn'] > 0 && Number.isFinite(value['expiresIn'])) ||
    !isUser(value['user']) ||
    !(mode === 'cookie' || isToken(value['refreshToken'], maxRefreshTokenLength))
  ) {
    throw new TRPCClientError('The answer is not one that Latchkey gives. [internal]');
  }
  return {
    accessToken: value['accessToken'],
    tokenType: 'Bearer',
    expiresIn: value['expiresIn'],
    refreshToken: mode === 'cookie' ? null : (value['refreshToken'] as string),
    // The output type of the router says what else a user has; its server holds to that.
    user: value['user'] as TUser,
  };
}

/** Reads back what was saved; anything that is not of the form is no session. */
export function parseSavedSession<TUser extends SessionUser>(
  text: string | null,
): SavedSession<TUser> | null {
  let value: unknown;
  try {
    value = JSON.parse(text ?? 'null');
  } catch {
    // Half written, or another program's: as good as nothing.
    return null;
  }
  return isRecord(value) &&
    isToken(value['refreshToken'], maxRefreshTokenLength) &&
    isUser(value['user'])
    ? { refreshToken: value['refreshToken'], user: value['user'] as TUser } // as it was answered
    : null;
}

export function isUser(value: unknown): value is SessionUser {
  return isRecord(value) && typeof value['id'] === 'string' && value['id'] !== '';
}

/** Visible ASCII alone may stand in a header, and no token of ours has anything else. */
function isToken(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength && /^[!-~]+$/.test(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
