import type { LatchkeyOptions, RolePermissions } from '../../server/compose.ts';
import { startServer } from '../../server/http/server.ts';
import { createTestLatchkey as createKit, type TestLatchkey } from '../../server/testing/index.ts';
import type { CustomClaims } from '../../server/tokens/custom-claims.ts';
import type { BuiltInRole } from '../../shared/schemas.ts';
import { areLimitsShared, mode } from './mode.ts';
import { openPlace } from './place.ts';
import { takeTurns, together } from './take-turns.ts';

export { testPassword } from '../../server/testing/index.ts';

/**
 * `createTestLatchkey` of `latchkey/testing` on what `mode` says. With several instances each
 * has its own connections, caches and limits; they share the clock, and requests to what is
 * Latchkey's own go to them by turns. A host's router is built on the first, and so is the rest.
 */
export async function createTestLatchkey<
  const Roles extends RolePermissions = Record<never, never>,
  Claims extends CustomClaims = Record<never, never>,
>(
  options: LatchkeyOptions<Roles, Claims> = {},
): Promise<TestLatchkey<BuiltInRole | (keyof Roles & string), Roles[keyof Roles][number], Claims>> {
  // Without anything that shares the limits each process has its own: a documented bound.
  const isAlone = mode.instances === 1 || (options.rateLimits === true && !areLimitsShared);
  if (isAlone && mode.database === null && mode.redis === null) return createKit(options);

  await using opened = new AsyncDisposableStack();
  const place = opened.use(await openPlace(options));
  const first = await createKit({ ...options, ...place.options });
  const instances = [first];
  opened.defer(async () => {
    await Promise.all(instances.map((each) => each.close()));
  });
  const { latchkey, composition } = first;
  const shared = { ...options, ...place.options, runtime: composition.runtime };
  const others = await Promise.allSettled(
    Array.from({ length: isAlone ? 0 : mode.instances - 1 }, () => createKit(shared)),
  );
  for (const other of others) {
    if (other.status === 'rejected') throw other.reason;
    instances.push(other.value);
  }
  const stack = opened.move();

  const ways = instances.map((each) => ({
    latchkey: each.latchkey,
    catchUp:
      mode.database === null
        ? null
        : together(async () => {
            // One that cannot hear reads the store.
            await each.composition.catchUp().catch(() => {});
          }),
  }));
  const nodeHandler = byTurns('nodeHandler');
  const fetchHandler = byTurns('fetchHandler');

  function byTurns<Name extends 'nodeHandler' | 'fetchHandler'>(
    name: Name,
  ): (typeof latchkey)[Name] {
    const create = (endpoint?: { readonly router?: undefined }) =>
      endpoint?.router
        ? latchkey[name](endpoint)
        : takeTurns<never, unknown>(
            ways.map((way) => ({ handle: way.latchkey[name](endpoint), catchUp: way.catchUp })),
          );
    // What is made of handlers of a kind is called as one of them is.
    return create as unknown as (typeof latchkey)[Name];
  }

  return {
    ...first,
    latchkey: {
      ...latchkey,
      nodeHandler,
      fetchHandler,
      async close() {
        for (const each of instances) await each.latchkey.close();
      },
    },
    composition: {
      ...composition,
      refusals: {
        ...composition.refusals,
        async close() {
          for (const each of instances) await each.composition.refusals.close();
        },
      },
    },
    async serve(endpoint) {
      const handler = endpoint ? latchkey.nodeHandler(endpoint) : nodeHandler();
      const server = await startServer(handler, { host: '127.0.0.1', port: 0 });
      stack.defer(() => server.stop());
      return { url: server.address };
    },
    close: () => stack.disposeAsync(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
