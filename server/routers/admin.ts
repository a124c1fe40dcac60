import type { AuditRecord } from '../../shared/records.ts';
import {
  auditPageOutput,
  listAuditEventsInput,
  revokedCountOutput,
  rotatedKeysOutput,
  userIdInput,
  type AuditEvent,
} from '../../shared/schemas.ts';
import { getUser, revokeUserSessions, setRole, setStatus } from '../accounts/administer.ts';
import { readPage } from '../accounts/read-page.ts';
import { createAuditEvent } from '../audit/audit-event.ts';
import { t } from '../trpc/init.ts';
import { actorOf, toUser } from '../trpc/procedures.ts';
import type { RouterParts } from './router-parts.ts';

// oxlint-disable-next-line explicit-module-boundary-types -- a router's type is inferred
export function createAdminRouter<
  Role extends string,
  Permission extends string,
  Claims extends Readonly<Record<string, unknown>>,
>({
  accounts,
  keyRing,
  schemas,
  procedures: { adminProcedure },
}: RouterParts<Role, Permission, Claims>) {
  const { store, runtime } = accounts;
  return t.router({
    /** Users, newest first, a page at a time. */
    listUsers: adminProcedure
      .input(schemas.listUsersInput)
      .output(schemas.userPage)
      .query(async ({ input }) => {
        const { rows, nextCursor } = await readPage(input, (query) => store.listUsers(query));
        return { users: rows.map((user) => toUser<Role>(user)), nextCursor };
      }),

    getUser: adminProcedure
      .input(userIdInput)
      .output(schemas.user)
      .query(async ({ input }) => toUser<Role>(await getUser(accounts, input.userId))),

    /** Gives a user another role. */
    setRole: adminProcedure
      .input(schemas.setRoleInput)
      .output(schemas.user)
      .mutation(async ({ ctx, input }) =>
        toUser<Role>(await setRole(accounts, { ...input, actor: actorOf(ctx) })),
      ),

    /** Keeps a user out, at once. */
    disableUser: adminProcedure
      .input(userIdInput)
      .output(schemas.user)
      .mutation(async ({ ctx, input }) => {
        const change = { ...input, status: 'disabled', actor: actorOf(ctx) } as const;
        return toUser<Role>(await setStatus(accounts, change));
      }),

    /** Lets a user in again; sessions that ended stay ended. */
    enableUser: adminProcedure
      .input(userIdInput)
      .output(schemas.user)
      .mutation(async ({ ctx, input }) => {
        const change = { ...input, status: 'active', actor: actorOf(ctx) } as const;
        return toUser<Role>(await setStatus(accounts, change));
      }),

    /** Ends every session of a user. */
    revokeSessions: adminProcedure
      .input(userIdInput)
      .output(revokedCountOutput)
      .mutation(async ({ ctx, input }) => ({
        revoked: await revokeUserSessions(accounts, { ...input, actor: actorOf(ctx) }),
      })),

    /** Security events, newest first, a page at a time. */
    listAuditEvents: adminProcedure
      .input(listAuditEventsInput)
      .output(auditPageOutput)
      .query(async ({ input }) => {
        const { rows, nextCursor } = await readPage(input, (query) => store.listAuditEvents(query));
        return { events: rows.map(toAuditEvent), nextCursor };
      }),

    /** Puts the next signing key in service; nobody is signed out. */
    rotateKeys: adminProcedure.output(rotatedKeysOutput).mutation(async ({ ctx }) => ({
      activeKeyId: await keyRing.rotate((activeKeyId) =>
        createAuditEvent(runtime, 'keys.rotated', {
          actor: actorOf(ctx),
          userId: null,
          sessionId: null,
          detail: { activeKeyId },
        }),
      ),
    })),
  });
}

function toAuditEvent(event: AuditRecord): AuditEvent {
  return { ...event, at: new Date(event.at).toISOString(), detail: { ...event.detail } };
}
