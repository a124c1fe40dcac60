import type { RoleSchemas } from '../../shared/schemas.ts';
import type { AccountParts } from '../accounts/account-parts.ts';
import type { ReadFigures } from '../accounts/read-figures.ts';
import type { KeyRing } from '../tokens/key-ring.ts';
import type { createProcedures } from '../trpc/procedures.ts';
import type { RefreshCookie } from '../trpc/refresh-cookie.ts';

/** What the routers work with. */
export interface RouterParts<
  Role extends string,
  Permission extends string,
  Claims extends Readonly<Record<string, unknown>>,
> {
  readonly accounts: AccountParts;
  readonly keyRing: KeyRing;
  readonly readFigures: ReadFigures;
  readonly cookie: RefreshCookie;
  readonly schemas: RoleSchemas<Role>;
  readonly procedures: ReturnType<typeof createProcedures<Role, Permission, Claims>>;
}
