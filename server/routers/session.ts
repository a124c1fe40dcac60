import type { SessionRecord } from '../../shared/records.ts';
import {
  noInput,
  revokedCountOutput,
  revokedOutput,
  revokeSessionInput,
  sessionListOutput,
  type Session,
} from '../../shared/schemas.ts';
import { revokeSessions } from '../sessions/revoke-sessions.ts';
import { router } from '../trpc/init.ts';
import { documented } from '../trpc/procedure-docs.ts';
import { actorOf } from '../trpc/procedures.ts';
import type { RouterParts } from './router-parts.ts';

// oxlint-disable-next-line explicit-module-boundary-types -- a router's type is inferred
export function createSessionRouter<
  Role extends string,
  Permission extends string,
  Claims extends Readonly<Record<string, unknown>>,
>({ accounts, procedures: { protectedProcedure } }: RouterParts<Role, Permission, Claims>) {
  return router({
    list: protectedProcedure
      .meta(documented({ summary: 'See where one is signed in, newest first' }))
      .input(noInput)
      .output(sessionListOutput)
      .query(async ({ ctx }) => {
        const sessions = await accounts.store.listSessions(ctx.user.id, accounts.runtime.now());
        return sessions.map((session) => toSession(session, ctx.session.id));
      }),

    revoke: protectedProcedure
      .meta(
        documented({
          summary: 'End one of the own sessions',
          description: "Somebody else's session is as good as unknown: `revoked` is `false`.",
        }),
      )
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

    revokeOthers: protectedProcedure
      .meta(documented({ summary: 'End every session but this one' }))
      .input(noInput)
      .output(revokedCountOutput)
      .mutation(async ({ ctx }) => {
        const revoked = await revokeSessions(accounts, {
          which: { userId: ctx.user.id, exceptSessionId: ctx.session.id },
          actor: actorOf(ctx),
          userId: ctx.user.id,
        });
        return { revoked };
      }),

    revokeAll: protectedProcedure
      .meta(documented({ summary: 'End every session, this one too', session: 'ends' }))
      .input(noInput)
      .output(revokedCountOutput)
      .mutation(async ({ ctx }) => {
        const revoked = await revokeSessions(accounts, {
          which: { userId: ctx.user.id },
          actor: actorOf(ctx),
          userId: ctx.user.id,
        });
        return { revoked };
      }),
  });
}

/** A row as the contract shows it. */
export function toSession(session: SessionRecord, currentId: string): Session {
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
