import { getTRPCErrorFromUnknown, type TRPCError } from '@trpc/server';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { UserRecord } from '../../shared/records.ts';
import type { User } from '../../shared/schemas.ts';
import type { SignedInActor } from '../accounts/account-parts.ts';
import type { RefusalLog } from '../audit/refusal-log.ts';
import { networkOf } from '../limits/network-of.ts';
import { describeError, type Logger } from '../logger.ts';
import { authenticate, type Principal } from '../sessions/authenticate.ts';
import type { SessionParts } from '../sessions/session-parts.ts';
import { assertAllowedOrigin } from './assert-allowed-origin.ts';
import { assertMounted } from './assert-mounted.ts';
import type { CallContext } from './context.ts';
import { isReported, refusalOf, toTRPCError } from './error-formatter.ts';
import { procedure } from './init.ts';

/** The session of a signed-in call. */
export interface CurrentSession {
  readonly id: string;
}

export interface ProcedureParts<Role extends string, Permission extends string> extends Pick<
  SessionParts,
  'accessTokens' | 'store' | 'runtime'
> {
  readonly logger: Logger;
  readonly refusals: RefusalLog;
  /** What each role may do, beside `admin`, who may do everything. */
  readonly permissionsOf: Readonly<Record<Role, readonly Permission[]>>;
}

interface RefusedCall {
  readonly latchkey: CallContext | undefined;
  /** Whoever was recognised before the call was refused. */
  readonly principal: Principal | undefined;
  readonly path: string;
}

/** `Bearer` in any case, one space, and a token (RFC 6750 §2.1). */
const bearer = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * The procedures that everything is built on. Each is one middleware, because
 * each middleware costs a call some ten microseconds; it authenticates before
 * any input is read, and gives every refusal its reason.
 */
// oxlint-disable-next-line explicit-module-boundary-types -- a procedure's type is inferred, as a router's is
export function createProcedures<
  Role extends string,
  Permission extends string,
  Claims extends Readonly<Record<string, unknown>>,
>(parts: ProcedureParts<Role, Permission>) {
  /** A procedure that is built on two of ours meets its refusal twice. */
  const noted = new WeakSet<Error>();

  /** Runs the rest of a call, and makes whatever goes wrong in it a refusal with a reason. */
  async function guarded<T extends { readonly ok: boolean }>(
    { ctx, path, type }: { readonly ctx: unknown; readonly path: string; readonly type: string },
    call: (identified: () => Promise<Principal>) => Promise<T>,
  ): Promise<T> {
    let latchkey: CallContext | undefined;
    let principal: Principal | undefined;
    try {
      assertMounted(ctx);
      ({ latchkey } = ctx);
      latchkey.setHeader('cache-control', 'no-store');
      if (type === 'mutation' && latchkey.cookieToken !== null) assertAllowedOrigin(latchkey);
      const current = latchkey;
      const result = await call(async () => (principal = await identifyOnce(current)));
      // The result of a failed call has tRPC's error; its type says so only to tRPC.
      const failed = result as { ok: boolean; error?: TRPCError };
      if (failed.ok || !failed.error) return result;
      throw failed.error;
    } catch (error) {
      throw refuse({ latchkey, principal, path }, getTRPCErrorFromUnknown(error));
    }
  }

  function refuse({ latchkey, principal, path }: RefusedCall, error: TRPCError): TRPCError {
    const refusal = refusalOf(error);
    if (!refusal) return error;
    const cause = error.cause ?? error;
    if (latchkey && !noted.has(cause)) {
      noted.add(cause);
      const { ip, userAgent } = latchkey.origin;
      const userId = principal?.user.id ?? null;
      const actor = { userId, sessionId: principal?.session.id ?? null, ip, userAgent };
      parts.refusals.note({ reason: refusal.reason, path, actor, source: userId ?? networkOf(ip) });
    }
    if (refusal.reason === 'internal' && !isReported(error)) {
      const requestId = latchkey?.requestId;
      parts.logger.error({ requestId, path, ...describeError(refusal.cause) }, 'call failed');
    }
    // A hashing queue that is full has no cause. A store that did not answer has: a disk may be full.
    if (refusal.reason === 'overloaded' && refusal.cause !== undefined) {
      const requestId = latchkey?.requestId;
      parts.logger.warn({ requestId, path, ...describeError(refusal.cause) }, 'store unavailable');
    }
    if (refusal.retryAfterSeconds !== undefined) {
      latchkey?.setHeader('retry-after', String(refusal.retryAfterSeconds));
    }
    return toTRPCError(refusal, cause);
  }

  /**
   * Shared by the calls of a batch, which begin together. Never kept: a context may
   * outlive a session where it belongs to a socket or to a caller.
   */
  function identifyOnce(latchkey: CallContext): Promise<Principal> {
    latchkey.principal ??= identify(latchkey).finally(() => {
      latchkey.principal = null;
    });
    return latchkey.principal;
  }

  async function identify(latchkey: CallContext): Promise<Principal> {
    if (latchkey.authorization === null || latchkey.authorization === '') {
      throw new LatchkeyError('token_missing');
    }
    const token = bearer.exec(latchkey.authorization)?.[1];
    if (token === undefined) throw new LatchkeyError('token_invalid');
    return authenticate(parts, token);
  }

  function signedIn(assertAllowed: (user: UserRecord) => void) {
    return procedure.use(({ ctx, path, type, next }) =>
      guarded({ ctx, path, type }, async (identified) => {
        const { user, session, claims } = await identified();
        assertAllowed(user);
        const current: CurrentSession = { id: session.id };
        return next({
          ctx: {
            user: toUser<Role>(user),
            session: current,
            // Our signature vouches that these are the claims that the host's function returned.
            claims: claims as Claims,
          },
        });
      }),
    );
  }

  return {
    publicProcedure: procedure.use(({ ctx, path, type, next }) =>
      guarded({ ctx, path, type }, () => next()),
    ),

    /** Any signed-in user. */
    protectedProcedure: signedIn(() => {}),

    /** Admins. */
    adminProcedure: signedIn((user) => {
      if (user.role !== 'admin') throw new LatchkeyError('forbidden');
    }),

    /** Users of one of these roles, and admins. */
    // oxlint-disable-next-line explicit-module-boundary-types -- a procedure's type is inferred
    requireRole: (...roles: readonly [Role, ...Role[]]) =>
      signedIn((user) => {
        if (user.role !== 'admin' && !roles.some((role) => role === user.role)) {
          throw new LatchkeyError('forbidden');
        }
      }),

    /** Users whose role has the permission, and admins. */
    // oxlint-disable-next-line explicit-module-boundary-types -- a procedure's type is inferred
    requirePermission: (permission: Permission) =>
      signedIn((user) => {
        if (user.role === 'admin') return;
        const isKnown = Object.hasOwn(parts.permissionsOf, user.role);
        const permissions = isKnown ? parts.permissionsOf[user.role as Role] : []; // Known by the line above.
        if (!permissions.includes(permission)) throw new LatchkeyError('forbidden');
      }),
  };
}

/** A row as the contract shows it. */
export function toUser<Role extends string>(user: UserRecord): User<Role> {
  return {
    id: user.id,
    email: user.email,
    emailVerified: user.emailVerified,
    username: user.username,
    name: user.name,
    // Roles are written through the schema of the declared ones alone.
    role: user.role as Role,
    status: user.status,
    createdAt: new Date(user.createdAt).toISOString(),
    updatedAt: new Date(user.updatedAt).toISOString(),
  };
}

/** Who a signed-in call acts as, for the rules and the audit log. */
export function actorOf(ctx: {
  readonly user: { readonly id: string };
  readonly session: CurrentSession;
  readonly latchkey: CallContext;
}): SignedInActor {
  return { ...ctx.latchkey.origin, userId: ctx.user.id, sessionId: ctx.session.id };
}
