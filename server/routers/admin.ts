import type { AuditRecord, SigningKeyRecord } from '../../shared/records.ts';
import {
  auditPageOutput,
  figuresInput,
  figuresOutput,
  listAuditEventsInput,
  noInput,
  revokedCountOutput,
  revokedOutput,
  revokeUserSessionInput,
  rotatedKeysOutput,
  sessionListOutput,
  signingKeysOutput,
  userIdInput,
  type AuditEvent,
  type SigningKey,
} from '../../shared/schemas.ts';
import {
  getUser,
  revokeUserSession,
  revokeUserSessions,
  setRole,
  setStatus,
} from '../accounts/administer.ts';
import { readPage } from '../accounts/read-page.ts';
import { createAuditEvent } from '../audit/audit-event.ts';
import { sortKeys } from '../tokens/key-ring.ts';
import { router } from '../trpc/init.ts';
import { documented } from '../trpc/procedure-docs.ts';
import { actorOf, toUser } from '../trpc/procedures.ts';
import type { RouterParts } from './router-parts.ts';
import { toSession } from './session.ts';

// oxlint-disable-next-line explicit-module-boundary-types -- a router's type is inferred
export function createAdminRouter<
  Role extends string,
  Permission extends string,
  Claims extends Readonly<Record<string, unknown>>,
>({
  accounts,
  keyRing,
  readFigures,
  schemas,
  procedures: { adminProcedure },
}: RouterParts<Role, Permission, Claims>) {
  const { store, runtime } = accounts;
  return router({
    listUsers: adminProcedure
      .meta(
        documented({
          summary: 'List users, newest first, a page at a time',
          examples: {
            'The first page': { limit: 20 },
            Search: { search: 'ada', role: 'user', status: 'active' },
          },
        }),
      )
      .input(schemas.listUsersInput)
      .output(schemas.userPage)
      .query(async ({ input }) => {
        const { rows, nextCursor } = await readPage(input, (query) => store.listUsers(query));
        return { users: rows.map((user) => toUser<Role>(user)), nextCursor };
      }),

    getUser: adminProcedure
      .meta(documented({ summary: 'See a user', reasons: ['not_found'] }))
      .input(userIdInput)
      .output(schemas.user)
      .query(async ({ input }) => toUser<Role>(await getUser(accounts, input.userId))),

    setRole: adminProcedure
      .meta(
        documented({
          summary: 'Give a user another role',
          description: 'Tokens with the role before are refused from now on, as `token_stale`.',
          reasons: ['not_found', 'last_admin'],
        }),
      )
      .input(schemas.setRoleInput)
      .output(schemas.user)
      .mutation(async ({ ctx, input }) =>
        toUser<Role>(await setRole(accounts, { ...input, actor: actorOf(ctx) })),
      ),

    disableUser: adminProcedure
      .meta(
        documented({
          summary: 'Keep a user out, at once',
          reasons: ['not_found', 'last_admin'],
        }),
      )
      .input(userIdInput)
      .output(schemas.user)
      .mutation(async ({ ctx, input }) => {
        const change = { ...input, status: 'disabled', actor: actorOf(ctx) } as const;
        return toUser<Role>(await setStatus(accounts, change));
      }),

    enableUser: adminProcedure
      .meta(
        documented({
          summary: 'Let a user in again',
          description: 'Sessions that ended stay ended.',
          reasons: ['not_found'],
        }),
      )
      .input(userIdInput)
      .output(schemas.user)
      .mutation(async ({ ctx, input }) => {
        const change = { ...input, status: 'active', actor: actorOf(ctx) } as const;
        return toUser<Role>(await setStatus(accounts, change));
      }),

    listSessions: adminProcedure
      .meta(
        documented({
          summary: 'See where a user is signed in, newest first',
          reasons: ['not_found'],
        }),
      )
      .input(userIdInput)
      .output(sessionListOutput)
      .query(async ({ ctx, input }) => {
        const { id } = await getUser(accounts, input.userId);
        const sessions = await store.listSessions(id, runtime.now());
        return sessions.map((session) => toSession(session, ctx.session.id));
      }),

    revokeSession: adminProcedure
      .meta(
        documented({
          summary: 'End one session of a user',
          description: "Another user's session is as good as unknown: `revoked` is `false`.",
          reasons: ['not_found'],
        }),
      )
      .input(revokeUserSessionInput)
      .output(revokedOutput)
      .mutation(async ({ ctx, input }) => ({
        revoked: await revokeUserSession(accounts, { ...input, actor: actorOf(ctx) }),
      })),

    revokeSessions: adminProcedure
      .meta(documented({ summary: 'End every session of a user', reasons: ['not_found'] }))
      .input(userIdInput)
      .output(revokedCountOutput)
      .mutation(async ({ ctx, input }) => ({
        revoked: await revokeUserSessions(accounts, { ...input, actor: actorOf(ctx) }),
      })),

    listAuditEvents: adminProcedure
      .meta(
        documented({
          summary: 'List security events, newest first, a page at a time',
          examples: {
            'The first page': { limit: 20 },
            'Failed sign-ins': { type: 'sign_in.failed' },
          },
        }),
      )
      .input(listAuditEventsInput)
      .output(auditPageOutput)
      .query(async ({ input }) => {
        const { rows, nextCursor } = await readPage(input, (query) => store.listAuditEvents(query));
        return { events: rows.map(toAuditEvent), nextCursor };
      }),

    figures: adminProcedure
      .meta(
        documented({
          summary: 'Count users and sessions, and what went on in the last hours',
          examples: { 'The last two hours': { hours: 2 } },
        }),
      )
      .input(figuresInput)
      .output(figuresOutput)
      .query(({ input }) => readFigures(input.hours)),

    listKeys: adminProcedure
      .meta(documented({ summary: 'List the keys of access tokens: next, active, retired' }))
      .input(noInput)
      .output(signingKeysOutput)
      .query(async () => ({ keys: sortKeys(await store.listSigningKeys()).map(toSigningKey) })),

    rotateKeys: adminProcedure
      .meta(
        documented({
          summary: 'Put the next signing key in service',
          description: 'Nobody is signed out.',
        }),
      )
      .input(noInput)
      .output(rotatedKeysOutput)
      .mutation(async ({ ctx }) => ({
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

function toSigningKey({ id, algorithm, status, createdAt }: SigningKeyRecord): SigningKey {
  return { id, algorithm, status, createdAt: new Date(createdAt).toISOString() };
}

function toAuditEvent(event: AuditRecord): AuditEvent {
  return { ...event, at: new Date(event.at).toISOString(), detail: { ...event.detail } };
}
