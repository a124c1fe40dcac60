import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { AuthResult } from '../../shared/schemas.ts';
import type { SessionCredentials } from '../sessions/end-session.ts';
import type { SessionParts } from '../sessions/session-parts.ts';
import type { SignedIn } from '../sessions/start-session.ts';
import { assertAllowedOrigin } from './assert-allowed-origin.ts';
import type { CallContext } from './context.ts';
import { toUser } from './procedures.ts';
import type { RefreshCookie } from './refresh-cookie.ts';

/** The calls that check or set a credential, by the end of their path: a host may nest our routers. */
export const credentialPaths = [
  'auth.register',
  'auth.login',
  'auth.refresh',
  'user.changePassword',
  'user.delete',
] as const;

const nestedPaths = credentialPaths.map((path) => `.${path}`);

/** True for the path of a call that checks or sets a credential. */
export function isCredentialPath(path: string): boolean {
  return (
    credentialPaths.some((known) => path === known) ||
    nestedPaths.some((known) => path.endsWith(known))
  );
}

/** True for the path of a call that computes a password hash. */
export function isHashingPath(path: string): boolean {
  return isCredentialPath(path) && !path.endsWith('auth.refresh');
}

/**
 * Refuses a batch in which several calls check credentials, so that batching is
 * no way round a limit; refuses answering one in a stream, where a cookie could
 * not follow; and in cookie mode, a page that is not allowed to.
 *
 * @throws LatchkeyError `invalid_input`, `forbidden`
 */
export function assertCredentialCall(latchkey: CallContext): void {
  const isAlone = latchkey.paths.filter(isCredentialPath).length <= 1;
  if (!isAlone || latchkey.isStreamed) {
    const message = isAlone
      ? 'Send a call that checks or sets a credential without trpc-accept: its answer cannot be streamed.'
      : 'Send at most one call in a batch that checks or sets a credential.';
    throw new LatchkeyError('invalid_input', { issues: [{ path: [], code: 'custom', message }] });
  }
  if (latchkey.isCookieMode) assertAllowedOrigin(latchkey);
}

/** Which session a call says that it belongs to: the input's token before the cookie's. */
export function credentialsOf(
  latchkey: CallContext,
  inputToken: string | undefined,
): SessionCredentials {
  const accessToken = /^Bearer (\S+)$/i.exec(latchkey.authorization ?? '')?.[1] ?? null;
  return {
    refreshToken: inputToken ?? latchkey.cookieToken,
    otherRefreshToken: inputToken === undefined ? null : latchkey.cookieToken,
    accessToken,
  };
}

/** The answer to a sign-in: the refresh token goes into it, or in cookie mode into the cookie alone. */
export function answerSignedIn<Role extends string>(
  { accounts, cookie }: { accounts: Pick<SessionParts, 'runtime'>; cookie: RefreshCookie },
  latchkey: CallContext,
  signedIn: SignedIn,
): AuthResult<Role> {
  if (latchkey.isCookieMode) {
    const lifetimeMs = signedIn.refreshTokenExpiresAt - accounts.runtime.now();
    const maxAgeSeconds = Math.max(1, Math.floor(lifetimeMs / 1_000));
    latchkey.appendHeader('set-cookie', cookie.write(signedIn.refreshToken, maxAgeSeconds));
  }
  return {
    accessToken: signedIn.accessToken,
    tokenType: 'Bearer',
    expiresIn: signedIn.expiresIn,
    refreshToken: latchkey.isCookieMode ? null : signedIn.refreshToken,
    user: toUser<Role>(signedIn.user),
  };
}
