import type { JWK } from 'jose';
// Of all of jose this is a third, in time to load and in memory.
import { exportJWK } from 'jose/key/export';
import { generateKeyPair } from 'jose/key/generate/keypair';
import type { AuditRecord, SigningKeyRecord, SigningKeyStatus } from '../../shared/records.ts';
import { ConfigurationError } from '../config/configuration-error.ts';
import type { Runtime } from '../runtime.ts';
import type { Sealer } from './seal.ts';
import { createSignature, type Signature } from './signature.ts';

/** Algorithms that may sign access tokens (RFC 7518 §3.1, RFC 8037 §3.1). */
export const signingAlgorithms = ['EdDSA', 'ES256', 'RS256', 'HS256'] as const;
export type SigningAlgorithm = (typeof signingAlgorithms)[number];

/** How soon a rotation by another process is noticed by one that signs, at the latest. */
const reloadAfterMs = 5_000;
/** An unknown key id makes the ring look again, so often a second at most: who makes ids up is soon refused unseen. */
const looksForUnknownPerSecond = 8;
/** How long after it stopped signing a key verifies beyond the lifetime of its tokens. */
const retirementSlackMs = 2 * reloadAfterMs;

/** A key ready for use. */
export interface RingKey {
  readonly id: string;
  readonly algorithm: SigningAlgorithm;
  readonly signature: Signature;
  readonly publicJwk: JWK | null;
  /** The first segment of every token that this key signs; there is no other spelling. */
  readonly protectedHeader: string;
}

/** Where the ring is kept. */
export interface KeyRingStore {
  listSigningKeys(): Promise<SigningKeyRecord[]>;
  replaceSigningKeys(command: {
    expectedActiveId: string | null;
    active: SigningKeyRecord;
    next: SigningKeyRecord;
    at: number;
    event: AuditRecord;
  }): Promise<boolean>;
}

export interface KeyRing {
  /** The key that signs. */
  activeKey(): Promise<RingKey>;
  /** The key that made this first segment of a token, or `null` when none of ours did. */
  keyOfHeader(protectedHeader: string): Promise<RingKey | null>;
  /** Whether a key that was taken from the ring is known to be in it still, without looking again. */
  holds(key: RingKey): boolean;
  /** Another process has changed the ring: the next who asks looks. */
  renew(): void;
  /** Every public key that verifies now or will next; empty with HS256. */
  publicKeys(): Promise<JWK[]>;
  /**
   * Makes the waiting key active, retires the active one and makes a new waiting
   * one. What the retired key signed stays good until it expires.
   *
   * @returns the id of the key that signs from now on
   */
  rotate(event: (activeKeyId: string) => AuditRecord): Promise<string>;
}

export interface KeyRingOptions {
  readonly algorithm: SigningAlgorithm;
  /** Milliseconds that a token may live after it was signed. */
  readonly tokenLifetimeMs: number;
  readonly store: KeyRingStore;
  readonly sealer: Sealer;
  readonly runtime: Runtime;
}

interface Ring {
  readonly loadedAt: number;
  /** How often the ring had been said to have changed. */
  readonly renewals: number;
  readonly active: RingKey | null;
  readonly records: readonly SigningKeyRecord[];
  readonly byHeader: ReadonlyMap<string, RingKey>;
}

export function createKeyRing(options: KeyRingOptions): KeyRing {
  const { algorithm, store, sealer, runtime } = options;
  const imported = new Map<string, RingKey>();
  let latest: Ring | null = null;
  let looking: Promise<Ring> | null = null;
  let renewals = 0;
  let unknown = { since: 0, looks: 0 };

  function importKey(record: SigningKeyRecord): RingKey {
    const known = imported.get(record.id);
    if (known) return known;
    const opened = sealer.open(record.sealedPrivateJwk, purposeOf(record.id));
    if (!opened) {
      throw new ConfigurationError([
        'LATCHKEY_SECRET: it is not the secret with which this database was made. Set the secret that belongs to the database.',
      ]);
    }
    const keyAlgorithm = signingAlgorithms.find((name) => name === record.algorithm);
    if (!keyAlgorithm) throw new Error('A signing key has an algorithm that is not known.');
    const privateJwk = JSON.parse(Buffer.from(opened).toString()) as JWK;
    const publicJwk = record.publicJwk === null ? null : (JSON.parse(record.publicJwk) as JWK);
    const key: RingKey = {
      id: record.id,
      algorithm: keyAlgorithm,
      signature: createSignature(keyAlgorithm, privateJwk),
      publicJwk,
      protectedHeader: encodeHeader(keyAlgorithm, record.id),
    };
    imported.set(record.id, key);
    return key;
  }

  async function load(): Promise<Ring> {
    const since = { loadedAt: runtime.now(), renewals };
    const records = await store.listSigningKeys();
    const verifying = records.filter(
      ({ retiredAt }) =>
        retiredAt === null ||
        retiredAt + options.tokenLifetimeMs + retirementSlackMs > runtime.now(),
    );
    const keys = verifying.map(importKey);
    const activeId = records.find(({ status }) => status === 'active')?.id;
    return {
      ...since,
      records,
      active: keys.find(({ id }) => id === activeId) ?? null,
      byHeader: new Map(keys.map((key) => [key.protectedHeader, key])),
    };
  }

  /** One look for all who ask meanwhile; a failed one leaves what was known. */
  function look(): Promise<Ring> {
    looking ??= (latest ? load() : open())
      .then((ring) => (latest = ring))
      .finally(() => (looking = null));
    return looking;
  }

  function isFresh(ring: Ring, maxAgeMs: number): boolean {
    // Both ways round: a clock that was set back must not make a look last longer.
    return ring.renewals === renewals && Math.abs(runtime.now() - ring.loadedAt) <= maxAgeMs;
  }

  function mayLookForUnknown(): boolean {
    const now = runtime.now();
    if (Math.abs(now - unknown.since) > 1_000) unknown = { since: now, looks: 0 };
    unknown.looks += 1;
    return unknown.looks <= looksForUnknownPerSecond;
  }

  async function current(maxAgeMs: number): Promise<Ring> {
    return latest && isFresh(latest, maxAgeMs) ? latest : look();
  }

  /**
   * The first look also makes keys where there are none of the configured algorithm, and what was
   * there retires. Later ones take what they find: of two processes that were told different
   * algorithms the one that started last decides, and they do not take turns at it.
   */
  async function open(): Promise<Ring> {
    const found = await load();
    if (found.active?.algorithm === algorithm) return found;
    const at = runtime.now();
    const active = await generateKey('active');
    await store.replaceSigningKeys({
      expectedActiveId: found.active?.id ?? null,
      active,
      next: await generateKey('next'),
      at,
      event: keyEvent('keys.created', active.id, at),
    });
    // Whether this process or another one put its keys there first: read what is.
    const installed = await load();
    if (activeOf(installed).algorithm !== algorithm) {
      throw new ConfigurationError([
        'LATCHKEY_SIGNING_ALG: another process on this database signs with another algorithm. Give both the same.',
      ]);
    }
    return installed;
  }

  function keyEvent(type: string, keyId: string, at: number): AuditRecord {
    return {
      id: runtime.newId(),
      at,
      type,
      actorId: null,
      userId: null,
      sessionId: null,
      ip: null,
      userAgent: null,
      detail: { keyId, algorithm },
    };
  }

  async function generateKey(status: 'active' | 'next'): Promise<SigningKeyRecord> {
    const id = runtime.randomBytes(12).toString('base64url');
    const { publicJwk, privateJwk } = await generateJwks();
    return {
      id,
      algorithm,
      status,
      publicJwk: publicJwk && JSON.stringify({ ...publicJwk, kid: id, alg: algorithm, use: 'sig' }),
      sealedPrivateJwk: sealer.seal(Buffer.from(JSON.stringify(privateJwk)), purposeOf(id)),
      createdAt: runtime.now(),
      retiredAt: null,
    };
  }

  async function generateJwks(): Promise<{ publicJwk: JWK | null; privateJwk: JWK }> {
    if (algorithm === 'HS256') {
      const secret = runtime.randomBytes(32).toString('base64url');
      return { publicJwk: null, privateJwk: { kty: 'oct', k: secret } };
    }
    const pair = await generateKeyPair(algorithm, { extractable: true, modulusLength: 3072 });
    return {
      publicJwk: await exportJWK(pair.publicKey),
      privateJwk: await exportJWK(pair.privateKey),
    };
  }

  return {
    async activeKey() {
      return activeOf(await current(reloadAfterMs));
    },

    async keyOfHeader(protectedHeader) {
      const loaded = await current(reloadAfterMs);
      const key = loaded.byHeader.get(protectedHeader);
      if (key) return key;
      // A key of another process that this one has not seen yet has our form of header.
      if (!headerPattern.test(Buffer.from(protectedHeader, 'base64url').toString())) return null;
      if (!looking && !mayLookForUnknown()) return null;
      const again = await look();
      return again.byHeader.get(protectedHeader) ?? null;
    },

    holds(key) {
      if (!latest || !isFresh(latest, reloadAfterMs)) return false;
      return latest.byHeader.get(key.protectedHeader) === key;
    },

    renew: () => void (renewals += 1),

    async publicKeys() {
      const { byHeader } = await current(reloadAfterMs);
      return [...byHeader.values()].flatMap(({ publicJwk }) => (publicJwk ? [publicJwk] : []));
    },

    async rotate(event) {
      const { records } = await load();
      const active = records.find(({ status }) => status === 'active');
      const waiting = records.find(({ status }) => status === 'next');
      const upcoming: SigningKeyRecord =
        waiting?.algorithm === algorithm
          ? { ...waiting, status: 'active' }
          : await generateKey('active');
      await store.replaceSigningKeys({
        expectedActiveId: active?.id ?? null,
        active: upcoming,
        next: await generateKey('next'),
        at: runtime.now(),
        event: event(upcoming.id),
      });
      // When another rotation came first, its active key is the answer to both.
      latest = await load();
      return activeOf(latest).id;
    },
  };
}

const statusesInOrder: readonly SigningKeyStatus[] = ['next', 'active', 'retired'];

/** As people look for them: the next one, the one that signs, and what has retired, newest first. */
export function sortKeys(records: readonly SigningKeyRecord[]): SigningKeyRecord[] {
  return records.toSorted(
    (one, other) =>
      statusesInOrder.indexOf(one.status) - statusesInOrder.indexOf(other.status) ||
      other.createdAt - one.createdAt,
  );
}

function activeOf({ active }: Ring): RingKey {
  if (!active) throw new Error('No signing key is active.');
  return active;
}

const headerPattern = /^\{"alg":"[A-Za-z0-9]{5}","typ":"at\+jwt","kid":"[A-Za-z0-9_-]{16}"\}$/;

function encodeHeader(algorithm: SigningAlgorithm, keyId: string): string {
  const header = { alg: algorithm, typ: 'at+jwt', kid: keyId };
  return Buffer.from(JSON.stringify(header)).toString('base64url');
}

function purposeOf(keyId: string): string {
  return `signing key ${keyId}`;
}
