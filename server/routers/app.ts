import type { BuiltInRole } from '../../shared/schemas.ts';
import { router } from '../trpc/init.ts';
import { createAdminRouter } from './admin.ts';
import { createAuthRouter } from './auth.ts';
import type { RouterParts } from './router-parts.ts';
import { createSessionRouter } from './session.ts';
import { createUserRouter } from './user.ts';

/** The routers of the contract, to serve as they are or to nest into a host's own. */
// oxlint-disable-next-line explicit-module-boundary-types -- a router's type is inferred
export function createRouters<
  Role extends string,
  Permission extends string,
  Claims extends Readonly<Record<string, unknown>>,
>(parts: RouterParts<Role, Permission, Claims>) {
  return {
    auth: createAuthRouter(parts),
    user: createUserRouter(parts),
    session: createSessionRouter(parts),
    admin: createAdminRouter(parts),
  };
}

// oxlint-disable-next-line explicit-module-boundary-types -- a router's type is inferred
export function createAppRouter<
  Role extends string,
  Permission extends string,
  Claims extends Readonly<Record<string, unknown>>,
>(parts: RouterParts<Role, Permission, Claims>) {
  return router(createRouters(parts));
}

/** The router of a Latchkey server of its own: what a client is typed by. */
export type AppRouter = ReturnType<
  typeof createAppRouter<BuiltInRole, never, Readonly<Record<string, never>>>
>;
