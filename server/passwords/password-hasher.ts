import { createHmac } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { hash as bcryptHash, parseOptions, verify as bcryptVerify } from '@node-rs/bcrypt';
import pLimit from 'p-limit';
import { LatchkeyError } from '../../shared/latchkey-error.ts';

/** Before a hash of our own kind: bcrypt over the peppered pre-hash, not over the password. */
const pepperedPrefix = 'p1:';
const bcryptForm = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;
/** A stored hash may not make the server work longer than this, whoever wrote it. */
const maxStoredCost = 15;
/** A salt and a digest that nothing matches, to spend the same time on. */
const unmatchedDigest = '.'.repeat(53);
/** How many may wait for each hash under way: about five seconds of waiting at cost 12. */
const waitingPerHash = 16;
const retryAfterSeconds = 2;

export interface PasswordHasher {
  /** @throws LatchkeyError `overloaded` when too many hashes are waiting */
  hash(password: string): Promise<string>;
  /**
   * Whether the password is the one that was hashed. Takes the time of one hash at
   * the current cost, whatever was stored: nothing, an unreadable hash, a cheaper one.
   *
   * @throws LatchkeyError `overloaded` when too many hashes are waiting
   */
  verify(password: string, storedHash: string | null): Promise<boolean>;
  /** The refusal, `overloaded`, of whoever comes now, when too many hashes are waiting. */
  findShortage(): LatchkeyError | null;
  /** How many hashes are under way, and how many wait for their turn. */
  load(): { readonly running: number; readonly waiting: number };
  /** Whether a hash that just verified should be replaced: plain bcrypt, or another cost. */
  isOutdated(storedHash: string): boolean;
}

export interface PasswordHasherOptions {
  /** bcrypt cost: the work is 2^cost rounds. */
  readonly cost: number;
  /** Secret that is mixed into each password and not kept in the database; 32 bytes. */
  readonly pepper: Uint8Array;
  /** Hashes under way at once; all processors but one by default. */
  readonly concurrency?: number | undefined;
  /** Does the work of a hash whose turn it is, to see how long it takes. */
  readonly measure?: (<T>(work: () => Promise<T>) => Promise<T>) | undefined;
}

/**
 * bcrypt behind a bounded queue that leaves a processor to everything else.
 *
 * A password is first made 44 characters by HMAC-SHA-256 under the pepper, so that
 * neither bcrypt's limit of 72 bytes nor its way with NUL touches it.
 */
export function createPasswordHasher(options: PasswordHasherOptions): PasswordHasher {
  const { cost, pepper, measure } = options;
  const concurrency = options.concurrency ?? shareOfHashes({ index: 0, count: 1 });
  const queue = pLimit(concurrency);

  // Made once: in a flood it is asked for thousands of times a second.
  const overloaded = new LatchkeyError('overloaded', { retryAfterSeconds });

  function findShortage(): LatchkeyError | null {
    return queue.pendingCount >= concurrency * waitingPerHash ? overloaded : null;
  }

  function admit<T>(work: () => Promise<T>): Promise<T> {
    const shortage = findShortage();
    if (shortage) throw shortage;
    return queue(measure ? () => measure(work) : work);
  }

  function preHash(password: string): string {
    return createHmac('sha256', pepper).update(password.normalize('NFC')).digest('base64');
  }

  async function spend(password: string, atCost: number): Promise<void> {
    await bcryptVerify(password, bcryptOf(atCost, unmatchedDigest));
  }

  return {
    findShortage,

    load: () => ({ running: queue.activeCount, waiting: queue.pendingCount }),

    hash: async (password) =>
      admit(async () => pepperedPrefix + (await bcryptHash(preHash(password), { cost }))),

    verify: async (password, storedHash) =>
      admit(async () => {
        const stored = readStored(storedHash);
        const peppered = preHash(password);
        if (!stored) {
          await spend(peppered, cost);
          return false;
        }
        const matches = await bcryptVerify(
          stored.isPeppered ? peppered : password.normalize('NFC'),
          stored.bcrypt,
        );
        // 2^c + (2^c + … + 2^(cost-1)) = 2^cost: a cheaper hash shows no more than an unknown user,
        // and where it matches no more than a wrong password, for the account may be disabled.
        for (let extra = stored.cost; extra < cost; extra += 1) {
          await spend(peppered, extra);
        }
        return matches;
      }),

    isOutdated(storedHash) {
      const stored = readStored(storedHash);
      return !stored?.isPeppered || stored.cost !== cost;
    },
  };
}

/** How many hashes one of some processes on this machine may have under way: of all, a processor is left. */
export function shareOfHashes(
  process: { readonly index: number; readonly count: number },
  processors: number = availableParallelism(),
): number {
  const all = processors - 1;
  const share = Math.floor(all / process.count);
  return Math.max(1, process.index < all % process.count ? share + 1 : share);
}

function bcryptOf(cost: number, saltAndDigest: string): string {
  return `$2b$${String(cost).padStart(2, '0')}$${saltAndDigest}`;
}

function readStored(
  stored: string | null,
): { bcrypt: string; cost: number; isPeppered: boolean } | null {
  if (stored === null) return null;
  const isPeppered = stored.startsWith(pepperedPrefix);
  const bcrypt = isPeppered ? stored.slice(pepperedPrefix.length) : stored;
  const cost = bcryptForm.test(bcrypt) ? findCost(bcrypt) : null;
  return cost !== null && cost <= maxStoredCost ? { bcrypt, cost, isPeppered } : null;
}

function findCost(bcrypt: string): number | null {
  try {
    return parseOptions(bcrypt).cost;
  } catch {
    return null; // Bits to spare that are not zero, a cost below 4: what verifying refuses without any work.
  }
}

/** True for a bcrypt hash as other systems write it, which a sign-in verifies and upgrades. */
export function isImportableHash(hash: string): boolean {
  return !hash.startsWith(pepperedPrefix) && readStored(hash) !== null;
}
