import type { AuditHead, AuditLink, AuditRecord } from '../../shared/records.ts';
import type { AuditChain } from './audit-chain.ts';

/** Where the log is kept. */
export interface AuditLog {
  findAuditHead(): Promise<AuditHead | null>;
  /** In the order in which they were recorded. */
  listAuditLinks(query: {
    readonly after: number;
    readonly limit: number;
  }): Promise<(AuditLink & { readonly event: AuditRecord })[]>;
}

export interface AuditVerification {
  /** How many events were looked at and found in order. */
  readonly verified: number;
  /** Number and hash of the newest event, to be kept elsewhere. */
  readonly head: { readonly sequence: number; readonly hash: string } | null;
  /** What is wrong and where, or `null`. */
  readonly problem: string | null;
}

const pageSize = 1_000;

/** Looks at every event of the log. One that was removed, changed or put in is found. */
export async function verifyAuditLog(
  log: AuditLog,
  chain: AuditChain,
  onProgress: (verified: number, of: number) => void = () => {},
): Promise<AuditVerification> {
  const head = await log.findAuditHead();
  if (!head) {
    const [first] = await log.listAuditLinks({ after: 0, limit: 1 });
    const problem = first ? 'There are events, but the head of the log is gone.' : null;
    return { verified: 0, head: null, problem };
  }
  let verified = 0;
  const result = (problem: string | null): AuditVerification => ({
    verified,
    head: { sequence: head.sequence, hash: Buffer.from(head.hash).toString('base64url') },
    problem,
  });
  if (!chain.isGenuine(head)) return result('The head of the log was changed.');

  let { cutSequence: sequence, cutHash: hash } = head;
  const total = head.sequence - head.cutSequence;
  while (sequence < head.sequence) {
    const links = await log.listAuditLinks({ after: sequence, limit: pageSize });
    for (const link of links.filter((each) => each.sequence <= head.sequence)) {
      if (link.sequence !== sequence + 1) {
        return result(`Event ${sequence + 1} was removed.`);
      }
      if (!chain.follows(hash, link)) {
        return result(`Event ${link.sequence} (${link.event.id}) was changed.`);
      }
      ({ sequence, hash } = link);
      verified += 1;
    }
    if (links.length === 0) return result(`The events after ${sequence} were removed.`);
    onProgress(verified, total);
  }
  if (Buffer.compare(hash, head.hash) !== 0) return result('The newest event was changed.');
  const [older] = await log.listAuditLinks({ after: -1, limit: 1 });
  if (older && older.sequence <= head.cutSequence) {
    return result(`Event ${older.sequence} was put back after it had been taken out.`);
  }
  return result(null);
}
