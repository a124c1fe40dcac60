import type { AnyTRPCRouter } from '@trpc/server';
import type { LatchkeyOptions, RolePermissions } from '../../server/compose.ts';
import type { TestEndpoint, TestLatchkey } from '../../server/testing/index.ts';
import type { CustomClaims } from '../../server/tokens/custom-claims.ts';
import type { BuiltInRole } from '../../shared/schemas.ts';
import { createTestLatchkey as createBareKit } from '../kit/create-test-latchkey.ts';
import { startNginx } from './nginx.ts';

export { testPassword } from '../kit/create-test-latchkey.ts';

/** The kit, but what it serves is served twice, and behind nginx with TLS. */
export async function createTestLatchkey<
  const Roles extends RolePermissions = Record<never, never>,
  Claims extends CustomClaims = Record<never, never>,
>(
  options: LatchkeyOptions<Roles, Claims> = {},
): Promise<TestLatchkey<BuiltInRole | (keyof Roles & string), Roles[keyof Roles][number], Claims>> {
  const kit = await createBareKit<Roles, Claims>(options);
  const proxies: AsyncDisposable[] = [];

  async function close(): Promise<void> {
    await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
    await kit.close();
  }

  return {
    ...kit,
    async serve<TRouter extends AnyTRPCRouter>(endpoint?: TestEndpoint<TRouter>) {
      const nginx = await startNginx([await kit.serve(endpoint), await kit.serve(endpoint)]);
      proxies.push(nginx);
      return { url: nginx.url };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
