import {
  changePasswordInput,
  deletedOutput,
  deleteUserInput,
  updateUserInput,
} from '../../shared/schemas.ts';
import { changePassword } from '../accounts/change-password.ts';
import { deleteAccount } from '../accounts/delete-account.ts';
import { updateProfile } from '../accounts/update-profile.ts';
import { answerSignedIn, assertCredentialCall } from '../trpc/credentials.ts';
import { t } from '../trpc/init.ts';
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
  return t.router({
    /** Who is signed in. */
    me: protectedProcedure.output(schemas.user).query(({ ctx }) => ctx.user),

    /** Changes name or username. */
    update: protectedProcedure
      .input(updateUserInput)
      .output(schemas.user)
      .mutation(async ({ ctx, input }) =>
        toUser<Role>(await updateProfile(accounts, actorOf(ctx), input)),
      ),

    /** Changes the password and ends every other session. */
    changePassword: protectedProcedure
      .input(changePasswordInput)
      .output(schemas.authResult)
      .mutation(async ({ ctx, input }) => {
        assertCredentialCall(ctx.latchkey);
        const signedIn = await changePassword(accounts, actorOf(ctx), input);
        return answerSignedIn<Role>({ accounts, cookie }, ctx.latchkey, signedIn);
      }),

    /** Deletes the own account. */
    delete: protectedProcedure
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
