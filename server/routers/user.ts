import {
  changePasswordInput,
  deletedOutput,
  deleteUserInput,
  noInput,
  updateUserInput,
  type User,
} from '../../shared/schemas.ts';
import { changePassword } from '../accounts/change-password.ts';
import { deleteAccount } from '../accounts/delete-account.ts';
import { updateProfile } from '../accounts/update-profile.ts';
import { answerSignedIn, assertCredentialCall } from '../trpc/credentials.ts';
import { router } from '../trpc/init.ts';
import { documented } from '../trpc/procedure-docs.ts';
import { actorOf, toUser } from '../trpc/procedures.ts';
import type { RouterParts } from './router-parts.ts';

// oxlint-disable-next-line explicit-module-boundary-types -- a router's type is inferred
export function createUserRouter<
  Role extends string,
  Permission extends string,
  Claims extends Readonly<Record<string, unknown>>,
>({
  accounts,
  cookie,
  schemas,
  procedures: { protectedProcedure },
}: RouterParts<Role, Permission, Claims>) {
  return router({
    /**
     * No schema reads the answer a second time: `toUser` has made it field by
     * field, and that would be a tenth of what most apps call most.
     */
    me: protectedProcedure
      .meta(documented({ summary: 'See who is signed in', output: schemas.user }))
      .input(noInput)
      .query(({ ctx }): User<Role> => ctx.user),

    update: protectedProcedure
      .meta(
        documented({
          summary: 'Change name or username',
          description: 'What is left out stays as it is; `null` takes it away.',
          examples: {
            'Another name': { name: 'Ada Lovelace' },
            'No username': { username: null },
          },
          reasons: ['username_taken', 'rate_limited'],
        }),
      )
      .input(updateUserInput)
      .output(schemas.user)
      .mutation(async ({ ctx, input }) =>
        toUser<Role>(await updateProfile(accounts, actorOf(ctx), input)),
      ),

    changePassword: protectedProcedure
      .meta(
        documented({
          summary: 'Change the password',
          description: 'Ends every other session, and answers new tokens for this one.',
          examples: {
            'A new password': {
              currentPassword: 'correct horse battery',
              newPassword: 'wrong donkey charger',
            },
          },
          reasons: ['invalid_credentials', 'weak_password', 'rate_limited'],
          session: 'begins',
        }),
      )
      .input(changePasswordInput)
      .output(schemas.authResult)
      .mutation(async ({ ctx, input }) => {
        assertCredentialCall(ctx.latchkey);
        const signedIn = await changePassword(accounts, actorOf(ctx), input);
        return answerSignedIn<Role>({ accounts, cookie }, ctx.latchkey, signedIn);
      }),

    delete: protectedProcedure
      .meta(
        documented({
          summary: 'Delete the own account',
          examples: { 'With the password': { password: 'correct horse battery' } },
          reasons: ['invalid_credentials', 'last_admin', 'rate_limited'],
          session: 'ends',
        }),
      )
      .input(deleteUserInput)
      .output(deletedOutput)
      .mutation(async ({ ctx, input }) => {
        assertCredentialCall(ctx.latchkey);
        await deleteAccount(accounts, actorOf(ctx), input);
        if (ctx.latchkey.isCookieMode) ctx.latchkey.appendHeader('set-cookie', cookie.clear());
        return { deleted: true as const };
      }),
  });
}
