import type { AuditHead, AuditRecord } from '../../../shared/records.ts';
import type { AuditLinking } from '../store.ts';
import type { Statements } from './statements.ts';

/** Links events to the end of the log, which is locked until the transaction ends. */
export async function recordEvents(
  statements: Statements,
  auditChain: AuditLinking,
  events: readonly AuditRecord[],
): Promise<void> {
  if (events.length === 0) return;
  let head = await lockHead(statements);
  for (const event of events) {
    const isFirst = head === null;
    let next = auditChain.append(head, event);
    if (isFirst && (await statements.insertAuditHead.execute(plainHead(next))).length === 0) {
      // Another process was the first, and this one is the second.
      next = auditChain.append(await lockHead(statements), event);
    }
    const { id: eventId, ...rest } = event;
    await statements.appendAuditEvent.execute({ ...rest, eventId, ...plainHead(next) });
    head = next;
  }
}

/** The end of the log, which nobody else moves until the transaction ends. */
export async function lockHead(statements: Statements): Promise<AuditHead | null> {
  const [head] = await statements.lockedAuditHead.execute();
  return head ?? null;
}

export async function saveHead(statements: Statements, head: AuditHead): Promise<void> {
  await statements.saveAuditHead.execute(plainHead(head));
}

function plainHead(head: AuditHead): Record<string, unknown> {
  const { sequence, hash, cutSequence, cutHash, seal } = head;
  return {
    sequence,
    hash: Buffer.from(hash),
    cutSequence,
    cutHash: Buffer.from(cutHash),
    seal: Buffer.from(seal),
  };
}
