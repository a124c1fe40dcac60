import type { AuditLinking } from './store.ts';

/** For whoever only reads. */
export const noAuditLinking: AuditLinking = { append: refuseToRecord, cut: refuseToRecord };

function refuseToRecord(): never {
  throw new Error('This store was opened for reading.');
}
