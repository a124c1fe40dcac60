import type { Environment } from '../config/environment.ts';
import { deriveKey } from '../config/secret.ts';
import type { Runtime } from '../runtime.ts';
import type { Store } from '../store/store.ts';
import { createKeyRing, signingAlgorithms } from '../tokens/key-ring.ts';
import { createSealer } from '../tokens/seal.ts';
import { check, fail, ok, warn, type Check, type Verdict } from './check.ts';
import { readSecret } from './read-secret.ts';

/** A clock that is corrected may jump back a little. */
export const clockToleranceMs = 5_000;

/** What is in a database, whichever it is. */
export async function checkContent(
  store: Store,
  environment: Environment,
  runtime: Runtime,
): Promise<readonly Check[]> {
  return [
    ...(await check('keys', () => checkKeys(store, environment, runtime))),
    ...(await check('admin', () => checkAdmin(store))),
    ...(await check('clock', () => checkClock(store, runtime))),
  ];
}

async function checkKeys(
  store: Store,
  environment: Environment,
  runtime: Runtime,
): Promise<Verdict> {
  const records = await store.listSigningKeys();
  const active = records.find(({ status }) => status === 'active');
  if (!active) return warn('There are none yet. The first start makes them.');
  const secret = readSecret(environment, runtime);
  if (!secret) {
    return fail(
      'The secret they are encrypted with is missing. Set LATCHKEY_SECRET, or restore its file.',
    );
  }
  const algorithm = signingAlgorithms.find((name) => name === active.algorithm);
  if (!algorithm) {
    return fail(`They are for ${active.algorithm}, which this version does not know. Update it.`);
  }
  const { signingAlgorithm, accessTtlSeconds } = environment.settings;
  // With the algorithm that is there, the ring reads and makes nothing.
  const ring = createKeyRing({
    algorithm,
    tokenLifetimeMs: accessTtlSeconds * 1_000,
    store,
    sealer: createSealer(deriveKey(secret, 'seal'), runtime),
    runtime,
  });
  const { id } = await ring.activeKey();
  return algorithm === signingAlgorithm
    ? ok(`${id} signs with ${algorithm}`)
    : warn(`They are for ${algorithm}. The next start makes new ones for LATCHKEY_SIGNING_ALG.`);
}

async function checkAdmin(store: Store): Promise<Verdict> {
  const [admin] = await store.listUsers({ role: 'admin', status: 'active', limit: 1 });
  return admin
    ? ok('There is an active one')
    : warn('There is no active one. Make one with "npx latchkey user create --role=admin".');
}

async function checkClock(store: Store, runtime: Runtime): Promise<Verdict> {
  const [newest] = await store.listAuditEvents({ limit: 1 });
  const aheadMs = (newest?.at ?? 0) - runtime.now();
  return aheadMs <= clockToleranceMs
    ? ok(new Date(runtime.now()).toISOString())
    : fail(
        `The newest audit event is ${Math.round(aheadMs / 1_000)} s in the future. Set the clock of this machine.`,
      );
}
