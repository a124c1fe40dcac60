import { createHmac, timingSafeEqual } from 'node:crypto';
import type { AuditHead, AuditLink, AuditRecord } from '../../shared/records.ts';

/**
 * Ties each event of the audit log to the one before it, under a key that is not
 * in the database: whoever can write to the database alone cannot take an event
 * out, change it or put one in without its being found.
 *
 * What it cannot show is a log that was set back as a whole, database and all, to
 * an earlier moment. Keep the head that `latchkey audit verify` prints elsewhere for that.
 */
export interface AuditChain {
  /** The head after one more event. */
  append(head: AuditHead | null, event: AuditRecord): AuditHead;
  /** The head after the oldest events, up to this one, were taken out on purpose. */
  cut(head: AuditHead, last: AuditLink): AuditHead;
  /** Whether our key made this head. */
  isGenuine(head: AuditHead): boolean;
  /** Whether the link follows from the one before it. */
  follows(previousHash: Uint8Array, link: AuditLink & { readonly event: AuditRecord }): boolean;
}

const emptyHash = new Uint8Array(32);

/** @param key 32 bytes */
export function createAuditChain(key: Uint8Array): AuditChain {
  function mac(kind: 'event' | 'head', fields: readonly unknown[]): Buffer {
    return createHmac('sha256', key)
      .update(JSON.stringify([kind, ...fields]))
      .digest();
  }

  function hashOf(previousHash: Uint8Array, sequence: number, event: AuditRecord): Buffer {
    const { id, at, type, actorId, userId, sessionId, ip, userAgent, detail } = event;
    const previous = Buffer.from(previousHash).toString('base64');
    const place = [previous, sequence, id, at];
    return mac('event', [...place, type, actorId, userId, sessionId, ip, userAgent, detail]);
  }

  function sealOf({ sequence, hash, cutSequence, cutHash }: Omit<AuditHead, 'seal'>): Buffer {
    const texts = [hash, cutHash].map((bytes) => Buffer.from(bytes).toString('base64'));
    return mac('head', [sequence, cutSequence, ...texts]);
  }

  return {
    append(head, event) {
      const before = head ?? { sequence: 0, hash: emptyHash, cutSequence: 0, cutHash: emptyHash };
      const sequence = before.sequence + 1;
      const after = { ...before, sequence, hash: hashOf(before.hash, sequence, event) };
      return { ...after, seal: sealOf(after) };
    },
    cut(head, { sequence, hash }) {
      const after = { ...head, cutSequence: sequence, cutHash: hash };
      return { ...after, seal: sealOf(after) };
    },
    isGenuine: (head) => isSame(sealOf(head), head.seal),
    follows: (previousHash, { sequence, hash, event }) =>
      isSame(hashOf(previousHash, sequence, event), hash),
  };
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
