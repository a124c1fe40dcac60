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
import { assertOneSession, endSession, findReplaced } from '../sessions/end-session.ts';
import { refreshSession, takeRefreshBudget } from '../sessions/refresh-session.ts';
import type { CallContext } from '../trpc/context.ts';
import { answerSignedIn, assertCredentialCall, credentialsOf } from '../trpc/credentials.ts';
import { router } from '../trpc/init.ts';
import { documented } from '../trpc/procedure-docs.ts';
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

  return router({
    register: publicProcedure
      .meta(
        documented({
          summary: 'Make an account and sign it in',
          examples: {
            'With e-mail address': { email: 'ada@example.com', password: 'correct horse battery' },
            'With everything': {
              email: 'ada@example.com',
              password: 'correct horse battery',
              username: 'ada',
              name: 'Ada Lovelace',
            },
          },
          reasons: ['email_taken', 'username_taken', 'weak_password', 'rate_limited', 'overloaded'],
          session: 'begins',
        }),
      )
      .input(registerInput)
      .output(schemas.authResult)
      .mutation(async ({ ctx, input }) => {
        assertCredentialCall(ctx.latchkey);
        const signedIn = await register(accounts, input, await visitorOf(ctx.latchkey));
        return answerSignedIn<Role>({ accounts, cookie }, ctx.latchkey, signedIn);
      }),

    login: publicProcedure
      .meta(
        documented({
          summary: 'Sign in',
          description:
            'A wrong password, an address that nobody has and a disabled account are refused alike.',
          examples: {
            'By e-mail address': { email: 'ada@example.com', password: 'correct horse battery' },
            'By username': { username: 'ada', password: 'correct horse battery' },
          },
          reasons: ['invalid_credentials', 'rate_limited', 'overloaded'],
          session: 'begins',
        }),
      )
      .input(loginInput)
      .output(schemas.authResult)
      .mutation(async ({ ctx, input }) => {
        assertCredentialCall(ctx.latchkey);
        const signedIn = await login(accounts, input, await visitorOf(ctx.latchkey));
        return answerSignedIn<Role>({ accounts, cookie }, ctx.latchkey, signedIn);
      }),

    refresh: publicProcedure
      .meta(
        documented({
          summary: 'Exchange the refresh token for new tokens',
          description:
            'A refresh token is good for one use; a lost answer can be asked for again for some seconds. One that comes back later ends its session. In cookie mode (`x-latchkey-mode: cookie`) the token comes from the cookie, and the input is `{}`.',
          examples: {
            'With the token of the last sign-in': { refreshToken: 'of the last sign-in' },
          },
          reasons: [
            'token_missing',
            'token_invalid',
            'token_expired',
            'refresh_reused',
            'session_revoked',
            'rate_limited',
            'overloaded',
          ],
          session: 'begins',
        }),
      )
      .input(refreshInput)
      .output(schemas.authResult)
      .mutation(async ({ ctx, input }) => {
        assertCredentialCall(ctx.latchkey);
        await takeRefreshBudget(accounts.limits, ctx.latchkey.origin);
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

    logout: publicProcedure
      .meta(
        documented({
          summary: 'Sign out',
          description:
            'Ends the session of the refresh token, of the access token or of the cookie. An access token that has expired will do.',
          examples: {
            'The session of the access token': {},
            'The session of a refresh token': { refreshToken: 'of the last sign-in' },
          },
          reasons: ['token_invalid', 'overloaded'],
          token: 'optional',
          session: 'ends',
        }),
      )
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
