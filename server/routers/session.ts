import type { SessionRecord } from '../../shared/records.ts';
import {
  revokedCountOutput,
  revokedOutput,
  revokeSessionInput,
  sessionListOutput,
  type Session,
} from '../../shared/schemas.ts';
import { revokeSessions } from '../sessions/revoke-sessions.ts';
import { t } from '../trpc/init.ts';
import { actorOf } from '../trpc/procedures.ts';
import type { RouterParts } from './router-parts.ts';

// oxlint-disable-next-line explicit-module-boundary-types -- a router's type is inferred
export function createSessionRouter<
  Role extends string,
  Permission extends string,
  Claims extends Readonly<Record<string, unknown>>,
>({ accounts, procedures: { protectedProcedure } }: RouterParts<Role, Permission, Claims>) {
  return t.router({
    /** Where the user is signed in, newest first. */
    list: protectedProcedure.output(sessionListOutput).query(async ({ ctx }) => {
      const sessions = await accounts.store.listSessions(ctx.user.id, accounts.runtime.now());
      return sessions.map((session) => toSession(session, ctx.session.id));
    }),

    /** Ends one of the user's own sessions; somebody else's is as good as unknown. */
    revoke: protectedProcedure
      .input(revokeSessionInput)
      .output(revokedOutput)
      .mutation(async ({ ctx, input }) => {
        const revoked = await revokeSessions(accounts, {
          which: { sessionId: input.sessionId, ofUserId: ctx.user.id },
          actor: actorOf(ctx),
          userId: ctx.user.id,
        });
        return { revoked: revoked > 0 };
      }),

    /** Ends every session but this one. */
    revokeOthers: protectedProcedure.output(revokedCountOutput).mutation(async ({ ctx }) => {
      const revoked = await revokeSessions(accounts, {
        which: { userId: ctx.user.id, exceptSessionId: ctx.session.id },
        actor: actorOf(ctx),
        userId: ctx.user.id,
      });
      return { revoked };
    }),

    /** Ends every session, this one too. */
    revokeAll: protectedProcedure.output(revokedCountOutput).mutation(async ({ ctx }) => {
      const revoked = await revokeSessions(accounts, {
        which: { userId: ctx.user.id },
        actor: actorOf(ctx),
        userId: ctx.user.id,
      });
      return { revoked };
    }),
  });
}

function toSession(session: SessionRecord, currentId: string): Session {
  return {
    id: session.id,
    createdAt: new Date(session.createdAt).toISOString(),
    lastSeenAt: new Date(session.lastSeenAt).toISOString(),
    expiresAt: new Date(session.expiresAt).toISOString(),
    ip: session.ip,
    userAgent: session.userAgent,
    current: session.id === currentId,
  };
}
