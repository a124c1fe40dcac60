import { expect, test } from 'vitest';
import type { AuditRecord, SigningKeyRecord } from '../../shared/records.ts';
import { createAuditChain } from '../audit/audit-chain.ts';
import { createRuntime } from '../runtime.ts';
import { openDatabase } from '../store/sqlite/open-database.ts';
import { createSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { createTestClock } from '../testing/clock.ts';
import { createKeyRing, type KeyRingStore, type SigningAlgorithm } from './key-ring.ts';
import { createSealer } from './seal.ts';

const tokenLifetimeSeconds = 900;

interface RingSetup {
  readonly algorithm?: SigningAlgorithm;
  readonly secret?: Uint8Array;
  readonly store?: KeyRingStore;
}

/** One database, and any number of processes that each have a ring of their own on it. */
async function createDeployment() {
  const clock = createTestClock();
  const runtime = createRuntime(clock.now);
  const { database } = await openDatabase(':memory:', runtime);
  const store = createSqliteStore(database, runtime, createAuditChain(runtime.randomBytes(32)));
  const ownSecret = runtime.randomBytes(32);

  function createRing({ algorithm = 'EdDSA', secret = ownSecret, ...rest }: RingSetup = {}) {
    return createKeyRing({
      algorithm,
      tokenLifetimeMs: tokenLifetimeSeconds * 1_000,
      store: rest.store ?? store,
      sealer: createSealer(secret, runtime),
      runtime,
    });
  }

  /** The same database, on which a look finds something else than there is. */
  function found(change: (records: SigningKeyRecord[]) => SigningKeyRecord[]): KeyRingStore {
    return { ...store, listSigningKeys: async () => change(await store.listSigningKeys()) };
  }

  function rotated(activeKeyId: string): AuditRecord {
    return {
      id: runtime.newId(),
      at: clock.now(),
      type: 'keys.rotated',
      actorId: null,
      userId: null,
      sessionId: null,
      ip: null,
      userAgent: null,
      detail: { activeKeyId },
    };
  }

  return {
    clock,
    runtime,
    store,
    sealer: createSealer(ownSecret, runtime),
    createRing,
    found,
    rotated,
    [Symbol.asyncDispose]: () => store.close(),
  };
}

test('the first start makes a key that signs and one that waits, and says so', async () => {
  await using d = await createDeployment();
  const active = await d.createRing().activeKey();
  const keys = await d.store.listSigningKeys();
  expect(keys.map(({ status }) => status).toSorted()).toEqual(['active', 'next']);
  expect(keys.find(({ status }) => status === 'active')?.id).toBe(active.id);
  const [event] = await d.store.listAuditEvents({ limit: 1 });
  expect(event).toMatchObject({ type: 'keys.created', detail: { keyId: active.id } });
});

test('a further start goes on with the keys that there are', async () => {
  await using d = await createDeployment();
  const { id } = await d.createRing().activeKey();
  expect((await d.createRing().activeKey()).id).toBe(id);
  expect(await d.store.listSigningKeys()).toHaveLength(2);
});

test('processes that start at once use the same keys', async () => {
  await using d = await createDeployment();
  const rings = Array.from({ length: 8 }, () => d.createRing());
  const ids = await Promise.all(rings.map(async (ring) => (await ring.activeKey()).id));
  expect(new Set(ids).size).toBe(1);
  expect(await d.store.listSigningKeys()).toHaveLength(2);
});

test('what is published is public, and the key that signs next is there beforehand', async () => {
  await using d = await createDeployment();
  const ring = d.createRing();
  const active = await ring.activeKey();
  const published = await ring.publicKeys();
  expect(published).toHaveLength(2);
  expect(published.map(({ kid }) => kid)).toContain(active.id);
  for (const key of published) {
    expect(Object.keys(key).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
    expect(key).toMatchObject({ alg: 'EdDSA', crv: 'Ed25519', use: 'sig' });
  }
  const nextId = await ring.rotate(d.rotated);
  expect(published.map(({ kid }) => kid)).toContain(nextId);
});

test('a secret of HS256 is never published', async () => {
  await using d = await createDeployment();
  const ring = d.createRing({ algorithm: 'HS256' });
  await ring.activeKey();
  expect(await ring.publicKeys()).toEqual([]);
});

test('no private key lies in the store in the clear', async () => {
  await using d = await createDeployment();
  await d.createRing({ algorithm: 'HS256' }).activeKey();
  for (const { sealedPrivateJwk } of await d.store.listSigningKeys()) {
    expect(Buffer.from(sealedPrivateJwk).toString('latin1')).not.toMatch(/"k(ty)?"/);
  }
});

test('a stored key is a JWK that its own record opens, and no other one', async () => {
  await using d = await createDeployment();
  const { id } = await d.createRing({ algorithm: 'HS256' }).activeKey();
  const [a, b] = await d.store.listSigningKeys();
  const sealed = [a!, b!].find((record) => record.id === id)!.sealedPrivateJwk;
  const opened = Buffer.from(d.sealer.open(sealed, `signing key ${id}`) ?? []).toString();
  const secret = expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) as unknown;
  expect(JSON.parse(opened)).toEqual({ kty: 'oct', k: secret });
  const store = d.found(() => [
    { ...a!, sealedPrivateJwk: b!.sealedPrivateJwk },
    { ...b!, sealedPrivateJwk: a!.sealedPrivateJwk },
  ]);
  await expect(d.createRing({ algorithm: 'HS256', store }).activeKey()).rejects.toThrow(
    'LATCHKEY_SECRET',
  );
});

test('a key of an algorithm that is not ours is an error', async () => {
  await using d = await createDeployment();
  await d.createRing().activeKey();
  const store = d.found((records) => records.map((record) => ({ ...record, algorithm: 'none' })));
  await expect(d.createRing({ store }).activeKey()).rejects.toThrow('algorithm that is not known');
});

test('a ring without a key that signs, or one that waits, says so or makes one', async () => {
  await using d = await createDeployment();
  const { id } = await d.createRing().activeKey();
  const without = (status: string) =>
    d.createRing({ store: d.found((all) => all.filter((record) => record.status !== status)) });
  await expect(without('active').activeKey()).rejects.toThrow('No signing key is active.');
  await expect(without('active').rotate(d.rotated)).rejects.toThrow('No signing key is active.');
  const rotatedTo = await without('next').rotate(d.rotated);
  expect(rotatedTo).not.toBe(id);
  expect((await d.createRing().activeKey()).id).toBe(rotatedTo);
});

test('a key that stays is the same object after another look, and one that is known needs none', async () => {
  await using d = await createDeployment();
  const { store, looks } = countLooks(d.store);
  const ring = d.createRing({ store });
  const key = await ring.activeKey();
  const before = looks();
  d.clock.advance(5);
  // By it an access token is known to be verified already.
  expect(await ring.keyOfHeader(key.protectedHeader)).toBe(key);
  expect(looks()).toBe(before);
  d.clock.advance(1);
  expect(await ring.keyOfHeader(key.protectedHeader)).toBe(key);
  expect(looks()).toBe(before + 1);
});

test('a key is known to be held for five seconds after a look, and from then on as long as it verifies', async () => {
  await using d = await createDeployment();
  const ring = d.createRing();
  const stranger = await d.createRing().activeKey();
  const key = await ring.activeKey();
  expect(ring.holds(key)).toBe(true);
  expect(ring.holds(stranger)).toBe(false);
  d.clock.advance(5);
  expect(ring.holds(key)).toBe(true);
  d.clock.advance(0.001);
  expect(ring.holds(key)).toBe(false);
  await ring.activeKey();
  expect(ring.holds(key)).toBe(true);
  await ring.rotate(d.rotated);
  d.clock.advance(tokenLifetimeSeconds + 11);
  await ring.activeKey();
  expect(ring.holds(key)).toBe(false);
});

test('a ring that has not looked yet holds no key', async () => {
  await using d = await createDeployment();
  expect(d.createRing().holds(await d.createRing().activeKey())).toBe(false);
});

test('another process signs with the new key five seconds after a rotation, at the latest', async () => {
  await using d = await createDeployment();
  const [rotating, signing] = [d.createRing(), d.createRing()];
  const before = await signing.activeKey();
  const rotatedTo = await rotating.rotate(d.rotated);
  expect(rotatedTo).not.toBe(before.id);
  expect((await rotating.activeKey()).id).toBe(rotatedTo);
  d.clock.advance(5);
  expect((await signing.activeKey()).id).toBe(before.id);
  d.clock.advance(0.001);
  expect((await signing.activeKey()).id).toBe(rotatedTo);
});

test('a process that is told of a rotation signs with the new key at once', async () => {
  await using d = await createDeployment();
  const [rotating, told] = [d.createRing(), d.createRing()];
  const before = await told.activeKey();
  const rotatedTo = await rotating.rotate(d.rotated);
  told.renew();
  expect(told.holds(before)).toBe(false);
  expect((await told.activeKey()).id).toBe(rotatedTo);
  // What it knew already it does not have to import again.
  expect(told.holds(before)).toBe(true);
});

test('another process verifies with the new key at once', async () => {
  await using d = await createDeployment();
  const [rotating, verifying] = [d.createRing(), d.createRing()];
  await verifying.activeKey();
  await rotating.rotate(d.rotated);
  const { protectedHeader, id } = await rotating.activeKey();
  expect((await verifying.keyOfHeader(protectedHeader))?.id).toBe(id);
});

test('a key that two rotations brought is found by looking again', async () => {
  await using d = await createDeployment();
  const [rotating, verifying] = [d.createRing(), d.createRing()];
  await verifying.activeKey();
  await rotating.rotate(d.rotated);
  await rotating.rotate(d.rotated);
  d.clock.advance(1.001);
  const { protectedHeader, id } = await rotating.activeKey();
  expect((await verifying.keyOfHeader(protectedHeader))?.id).toBe(id);
});

test('a retired key verifies until what it signed has expired, and not after', async () => {
  await using d = await createDeployment();
  const ring = d.createRing();
  const retired = await ring.activeKey();
  await ring.rotate(d.rotated);
  // Another process may have signed with it for five more seconds.
  d.clock.advance(tokenLifetimeSeconds + 5);
  expect((await ring.keyOfHeader(retired.protectedHeader))?.id).toBe(retired.id);
  d.clock.advance(10);
  expect(await ring.keyOfHeader(retired.protectedHeader)).toBeNull();
  expect((await ring.publicKeys()).map(({ kid }) => kid)).not.toContain(retired.id);
});

test('a key is retired to the millisecond', async () => {
  await using d = await createDeployment();
  const ring = d.createRing();
  const retired = await ring.activeKey();
  await ring.rotate(d.rotated);
  d.clock.advance(tokenLifetimeSeconds + 9.999);
  const found = await d.createRing().keyOfHeader(retired.protectedHeader);
  expect(found?.id).toBe(retired.id);
  d.clock.advance(0.001);
  expect(await d.createRing().keyOfHeader(retired.protectedHeader)).toBeNull();
});

test('rotations at the same time leave one key that signs and one that waits', async () => {
  await using d = await createDeployment();
  const rings = Array.from({ length: 4 }, () => d.createRing());
  await Promise.all(rings.map((ring) => ring.activeKey()));
  const answers = await Promise.all(rings.map((ring) => ring.rotate(d.rotated)));
  const keys = await d.store.listSigningKeys();
  expect(keys.filter(({ status }) => status === 'next')).toHaveLength(1);
  const active = keys.filter(({ status }) => status === 'active').map(({ id }) => id);
  expect(active).toEqual([answers.at(-1)]);
});

test('another algorithm makes new keys, and what the old ones signed still verifies', async () => {
  await using d = await createDeployment();
  const old = await d.createRing({ algorithm: 'HS256' }).activeKey();
  const ring = d.createRing({ algorithm: 'ES256' });
  const active = await ring.activeKey();
  expect(active.algorithm).toBe('ES256');
  expect((await ring.keyOfHeader(old.protectedHeader))?.algorithm).toBe('HS256');
  expect((await ring.publicKeys()).map(({ alg }) => alg)).toEqual(['ES256', 'ES256']);
  const rotatedTo = await ring.rotate(d.rotated);
  expect((await ring.publicKeys()).map(({ kid }) => kid)).toContain(rotatedTo);
  expect((await ring.activeKey()).algorithm).toBe('ES256');
});

test('a process that runs on follows one that was started with another algorithm', async () => {
  await using d = await createDeployment();
  const older = d.createRing({ algorithm: 'EdDSA' });
  await older.activeKey();
  const newer = d.createRing({ algorithm: 'ES256' });
  const { id } = await newer.activeKey();
  for (const ring of [older, newer, older, newer]) {
    d.clock.advance(6);
    expect((await ring.activeKey()).id).toBe(id);
  }
});

test('a rotation by a process with another algorithm makes keys of its own', async () => {
  await using d = await createDeployment();
  const older = d.createRing({ algorithm: 'EdDSA' });
  await older.activeKey();
  await d.createRing({ algorithm: 'ES256' }).activeKey();
  const rotatedTo = await older.rotate(d.rotated);
  expect(await older.activeKey()).toMatchObject({ id: rotatedTo, algorithm: 'EdDSA' });
});

test('a start is refused when another process brings another algorithm meanwhile', async () => {
  await using d = await createDeployment();
  const store: KeyRingStore = {
    ...d.store,
    replaceSigningKeys: async (command) => {
      await d.createRing({ algorithm: 'ES256' }).activeKey();
      return d.store.replaceSigningKeys(command);
    },
  };
  await expect(d.createRing({ store }).activeKey()).rejects.toMatchObject({
    name: 'ConfigurationError',
    problems: [expect.stringMatching(/^LATCHKEY_SIGNING_ALG: .* Give both the same\.$/)],
  });
});

test('a header that none of our keys writes has no key', async () => {
  await using d = await createDeployment();
  const ring = d.createRing();
  const { protectedHeader, id } = await ring.activeKey();
  const encode = (text: string) => Buffer.from(text).toString('base64url');
  const others = [
    '',
    `${protectedHeader}=`,
    encode(`{"alg":"EdDSA","kid":"${id}","typ":"at+jwt"}`),
    encode(`{"alg":"EdDSA","typ":"at+jwt", "kid":"${id}"}`),
    encode(`{"alg":"EdDSA","typ":"JWT","kid":"${id}"}`),
    encode(`{"alg":"HS256","typ":"at+jwt","kid":"${id}"}`),
    encode(`{"alg":"none","typ":"at+jwt","kid":"${id}"}`),
    encode(`{"alg":"EdDSA","typ":"at+jwt","kid":"${id}","crit":["b64"],"b64":false}`),
    encode(`{"alg":"EdDSA","typ":"at+jwt","kid":"__proto__"}`),
    encode(`{"alg":"EdDSA","typ":"at+jwt","kid":"${'A'.repeat(16)}"}`),
  ];
  for (const other of others) expect(await ring.keyOfHeader(other)).toBeNull();
});

test('unknown keys make the ring look again, eight times a second at most, and nonsense never', async () => {
  await using d = await createDeployment();
  const { store, looks } = countLooks(d.store);
  const ring = d.createRing({ store });
  const { id } = await ring.activeKey();
  const encode = (text: string) => Buffer.from(text).toString('base64url');
  const ourForm = `{"alg":"EdDSA","typ":"at+jwt","kid":"${id.split('').toReversed().join('')}"}`;
  const madeUp = encode(ourForm);
  const before = looks();
  d.clock.advance(2);
  await Promise.all(Array.from({ length: 100 }, () => ring.keyOfHeader(madeUp)));
  expect(looks() - before).toBe(1);
  for (let count = 0; count < 20; count += 1) await ring.keyOfHeader(madeUp);
  expect(looks() - before).toBe(8);
  d.clock.advance(2);
  for (const nonsense of ['nonsense', encode(` ${ourForm}`), encode(`${ourForm} `)]) {
    await ring.keyOfHeader(nonsense);
  }
  expect(looks() - before).toBe(8);
});

test('the ring is read once for all who ask at the same time', async () => {
  await using d = await createDeployment();
  const { store, looks } = countLooks(d.store);
  const ring = d.createRing({ store });
  await ring.activeKey();
  const before = looks();
  d.clock.advance(6);
  await Promise.all(Array.from({ length: 100 }, () => ring.activeKey()));
  expect(looks() - before).toBe(1);
});

test('a clock that was set back does not keep the ring from looking', async () => {
  await using d = await createDeployment();
  const [rotating, signing] = [d.createRing(), d.createRing()];
  await signing.activeKey();
  const rotatedTo = await rotating.rotate(d.rotated);
  d.clock.advance(-3_600);
  expect((await signing.activeKey()).id).toBe(rotatedTo);
});

test('a look that failed is not kept', async () => {
  await using d = await createDeployment();
  let isDown = true;
  const store: KeyRingStore = {
    ...d.store,
    listSigningKeys: async () => {
      if (isDown) throw new Error('down');
      return d.store.listSigningKeys();
    },
  };
  const ring = d.createRing({ store });
  await expect(ring.activeKey()).rejects.toThrow('down');
  isDown = false;
  await expect(ring.activeKey()).resolves.toMatchObject({ algorithm: 'EdDSA' });
});

test('another secret is refused in one line that says what to do', async () => {
  await using d = await createDeployment();
  await d.createRing().activeKey();
  const ring = d.createRing({ secret: d.runtime.randomBytes(32) });
  await expect(ring.activeKey()).rejects.toMatchObject({
    name: 'ConfigurationError',
    problems: [expect.stringMatching(/^LATCHKEY_SECRET: .* belongs to the database\.$/)],
  });
});

function countLooks(inner: KeyRingStore): { store: KeyRingStore; looks: () => number } {
  let count = 0;
  const store: KeyRingStore = {
    ...inner,
    listSigningKeys: () => {
      count += 1;
      return inner.listSigningKeys();
    },
  };
  return { store, looks: () => count };
}
