import { getTRPCErrorFromUnknown, type TRPCError } from '@trpc/server';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { reasons, type Reason } from '../../shared/reasons.ts';
import type { UserRecord } from '../../shared/records.ts';
import type { User } from '../../shared/schemas.ts';
import type { SignedInActor } from '../accounts/account-parts.ts';
import type { RefusalLog } from '../audit/refusal-log.ts';
import type { Logger } from '../logger.ts';
import { authenticate, recognise, type Principal } from '../sessions/authenticate.ts';
import type { SessionParts } from '../sessions/session-parts.ts';
import { withAccess, type Access } from './access.ts';
import { assertAllowedOrigin } from './assert-allowed-origin.ts';
import { assertMounted } from './assert-mounted.ts';
import type { CallContext } from './context.ts';
import { isReported, refusalOf, toTRPCError } from './error-formatter.ts';
import { procedure } from './init.ts';
import { logRefusal, noteRefusal } from './report-refusal.ts';

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

interface GuardedCall {
  readonly latchkey: CallContext;
  /** Whoever makes it, once that is known. */
  principal: Principal | null;
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
  /** Of users as they were read: the same for all calls until one is read anew. */
  const shown = new WeakMap<UserRecord, User<Role>>();

  /** Each call has its own, which it may change. */
  function show(user: UserRecord): User<Role> {
    let known = shown.get(user);
    if (!known) shown.set(user, (known = toUser<Role>(user)));
    return { ...known };
  }

  /** A procedure that is built on two of ours meets its refusal twice. */
  const noted = new WeakSet<Error>();

  /** Runs the rest of a call, and makes whatever goes wrong in it a refusal with a reason. */
  async function guarded<T extends { readonly ok: boolean }>(
    { ctx, path, type }: { readonly ctx: unknown; readonly path: string; readonly type: string },
    run: (call: GuardedCall) => Promise<T>,
  ): Promise<T> {
    let call: GuardedCall | null = null;
    try {
      assertMounted(ctx);
      const { latchkey } = ctx;
      call = { latchkey, principal: null };
      latchkey.setHeader('cache-control', 'no-store');
      if (type === 'mutation' && latchkey.cookieToken !== null) assertAllowedOrigin(latchkey);
      const result = await run(call);
      // The result of a failed call has tRPC's error; its type says so only to tRPC.
      const failed = result as { ok: boolean; error?: TRPCError };
      if (failed.ok || !failed.error) return result;
      throw failed.error;
    } catch (error) {
      throw refuse(call, path, getTRPCErrorFromUnknown(error));
    }
  }

  function refuse(call: GuardedCall | null, path: string, error: TRPCError): TRPCError {
    const { latchkey, principal } = call ?? {};
    const refusal = refusalOf(error);
    if (!refusal) return error;
    const cause = error.cause ?? error;
    if (latchkey && !noted.has(cause)) {
      noted.add(cause);
      noteRefusal(parts.refusals, refusal, { latchkey, path, principal: principal ?? null });
    }
    if (!isReported(error)) logRefusal(parts.logger, refusal, { latchkey, path });
    if (reasons[refusal.reason].code === 'UNAUTHORIZED') {
      latchkey?.setHeader('www-authenticate', challengeOf(refusal.reason, latchkey));
    }
    if (refusal.retryAfterSeconds !== undefined) {
      latchkey?.setHeader('retry-after', String(refusal.retryAfterSeconds));
    }
    return toTRPCError(refusal, cause);
  }

  type Identify = (latchkey: CallContext, token: string) => Principal | Promise<Principal>;

  /**
   * Shared by the calls of a batch, which begin together. Never kept: a context may
   * outlive a session where it belongs to a socket or to a caller.
   */
  const identify: Identify = (latchkey, token) => {
    const known = recognise(parts, token);
    if (known) return known;
    latchkey.principal ??= authenticate(parts, token, parts.store.recallSession).finally(() => {
      latchkey.principal = null;
    });
    return latchkey.principal;
  };

  const identifyByStore: Identify = (_latchkey, token) => authenticate(parts, token);

  function signedIn(
    access: Omit<Access, 'signedIn'>,
    assertAllowed: (user: UserRecord) => void,
    identifyBy = identify,
  ) {
    const built = procedure.use(({ ctx, path, type, next }) => {
      function enter(call: GuardedCall, principal: Principal) {
        call.principal = principal;
        const { user, session, claims } = principal;
        assertAllowed(user);
        const current: CurrentSession = { id: session.id };
        return next({
          ctx: {
            user: show(user),
            session: current,
            // Our signature vouches that these are the claims that the host's function returned.
            claims: claims as Claims,
          },
        });
      }
      return guarded({ ctx, path, type }, (call) => {
        const principal = identifyBy(call.latchkey, tokenOf(call.latchkey));
        if (!(principal instanceof Promise)) return enter(call, principal);
        return principal.then((identified) => enter(call, identified));
      });
    });
    return withAccess(built, { ...access, signedIn: true });
  }

  return {
    publicProcedure: withAccess(
      procedure.use(({ ctx, path, type, next }) => guarded({ ctx, path, type }, () => next())),
      { signedIn: false },
    ),

    /** Any signed-in user. */
    protectedProcedure: signedIn({}, () => {}),

    /** Admins; the store is asked at every call. */
    adminProcedure: signedIn(
      { roles: ['admin'] },
      (user) => {
        if (user.role !== 'admin') throw new LatchkeyError('forbidden');
      },
      identifyByStore,
    ),

    /** Users of one of these roles, and admins. */
    // oxlint-disable-next-line explicit-module-boundary-types -- a procedure's type is inferred
    requireRole: (...roles: readonly [Role, ...Role[]]) =>
      signedIn({ roles }, (user) => {
        if (user.role !== 'admin' && !roles.some((role) => role === user.role)) {
          throw new LatchkeyError('forbidden');
        }
      }),

    /** Users whose role has the permission, and admins. */
    // oxlint-disable-next-line explicit-module-boundary-types -- a procedure's type is inferred
    requirePermission: (permission: Permission) =>
      signedIn({ permission }, (user) => {
        if (user.role === 'admin') return;
        const isKnown = Object.hasOwn(parts.permissionsOf, user.role);
        const permissions = isKnown ? parts.permissionsOf[user.role as Role] : []; // Known by the line above.
        if (!permissions.includes(permission)) throw new LatchkeyError('forbidden');
      }),
  };
}

/**
 * The access token that a request carries.
 *
 * @throws LatchkeyError `token_missing`, `token_invalid`
 */
export function tokenOf({ authorization }: CallContext): string {
  if (authorization === null || authorization === '') throw new LatchkeyError('token_missing');
  const token = bearer.exec(authorization)?.[1];
  if (token === undefined) throw new LatchkeyError('token_invalid');
  return token;
}

/**
 * A 401 says how one is let in (RFC 9110 §15.5.2), and names an error only of a token that was
 * sent (RFC 6750 §3.1).
 */
function challengeOf(reason: Reason, { authorization }: CallContext): string {
  const isOfToken = reason !== 'invalid_credentials' && reason !== 'token_missing';
  return isOfToken && authorization !== null
    ? 'Bearer realm="latchkey", error="invalid_token"'
    : 'Bearer realm="latchkey"';
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
