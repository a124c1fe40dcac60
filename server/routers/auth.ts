import { LatchkeyError } from '../../shared/latchkey-error.ts';
import {
  loginInput,
  logoutInput,
  refreshInput,
  registerInput,
  revokedOutput,
} from '../../shared/schemas.ts';
import { strangerFrom, type Visitor } from '../accounts/account-parts.ts';
import { login } from '../accounts/login.ts';
import { register } from '../accounts/register.ts';
import { networkOf } from '../limits/network-of.ts';
import { assertOneSession, endSession, findReplaced } from '../sessions/end-session.ts';
import { refreshSession } from '../sessions/refresh-session.ts';
import type { CallContext } from '../trpc/context.ts';
import { answerSignedIn, assertCredentialCall, credentialsOf } from '../trpc/credentials.ts';
import { t } from '../trpc/init.ts';
import type { RouterParts } from './router-parts.ts';

// oxlint-disable-next-line explicit-module-boundary-types -- a router's type is inferred
export function createAuthRouter<
  Role extends string,
  Permission extends string,
  Claims extends Readonly<Record<string, unknown>>,
>({
  accounts,
  cookie,
  schemas,
  procedures: { publicProcedure },
}: RouterParts<Role, Permission, Claims>) {
  /** In a browser a sign-in takes the place of the one before, whosever that was (ASVS 7.2.4). */
  async function visitorOf({ origin, isCookieMode, cookieToken }: CallContext): Promise<Visitor> {
    if (!isCookieMode || cookieToken === null) return origin;
    const replaced = await findReplaced(accounts, cookieToken, strangerFrom(origin));
    return { ...origin, replaced };
  }

  return t.router({
    /** Makes an account and signs it in. */
    register: publicProcedure
      .input(registerInput)
      .output(schemas.authResult)
      .mutation(async ({ ctx, input }) => {
        assertCredentialCall(ctx.latchkey);
        const signedIn = await register(accounts, input, await visitorOf(ctx.latchkey));
        return answerSignedIn<Role>({ accounts, cookie }, ctx.latchkey, signedIn);
      }),

    /** Signs in by e-mail address or username. */
    login: publicProcedure
      .input(loginInput)
      .output(schemas.authResult)
      .mutation(async ({ ctx, input }) => {
        assertCredentialCall(ctx.latchkey);
        const signedIn = await login(accounts, input, await visitorOf(ctx.latchkey));
        return answerSignedIn<Role>({ accounts, cookie }, ctx.latchkey, signedIn);
      }),

    /** Exchanges the refresh token, of the input or in cookie mode of the cookie. */
    refresh: publicProcedure
      .input(refreshInput)
      .output(schemas.authResult)
      .mutation(async ({ ctx, input }) => {
        assertCredentialCall(ctx.latchkey);
        await accounts.limits.consume([
          { limit: 'refreshPerAddress', key: { chosen: networkOf(ctx.latchkey.origin.ip) } },
        ]);
        const credentials = credentialsOf(ctx.latchkey, input.refreshToken);
        // Outside cookie mode the answer would give a script the token that the cookie keeps from it.
        const isAsked = input.refreshToken !== undefined || ctx.latchkey.isCookieMode;
        if (!isAsked || credentials.refreshToken === null) {
          throw new LatchkeyError('token_missing');
        }
        await assertOneSession(accounts, credentials);
        const signedIn = await refreshSession(
          accounts,
          credentials.refreshToken,
          ctx.latchkey.origin,
        );
        return answerSignedIn<Role>({ accounts, cookie }, ctx.latchkey, signedIn);
      }),

    /** Signs out: ends the session of the refresh token, the bearer token or the cookie. */
    logout: publicProcedure
      .input(logoutInput)
      .output(revokedOutput)
      .mutation(async ({ ctx, input }) => {
        const { latchkey } = ctx;
        const credentials = credentialsOf(latchkey, input?.refreshToken);
        await assertOneSession(accounts, credentials);
        const actor = strangerFrom(latchkey.origin);
        const revoked = await endSession(accounts, credentials, actor);
        if (latchkey.cookieToken !== null || latchkey.isCookieMode) {
          latchkey.appendHeader('set-cookie', cookie.clear());
        }
        return { revoked };
      }),
  });
}
