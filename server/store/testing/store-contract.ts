import { describe } from 'vitest';
import { describeAccounts, describeLastAdmin } from './account-contract.ts';
import { describeAuditEvents } from './audit-contract.ts';
import { describeCounts } from './count-contract.ts';
import { describeSigningKeys } from './key-contract.ts';
import { describeRecall } from './recall-contract.ts';
import { describeRefresh } from './refresh-contract.ts';
import { describeSessions } from './session-contract.ts';
import type { OpenStore } from './store-scene.ts';

/**
 * What every store has to do, whatever it keeps its data in: each method and each
 * of its outcomes, and what must not have changed after a refusal.
 *
 * @param options.isTold whether it is told of what another process changes, and does not look
 * @param options.remembers whether it knows a session again that it has read, by default
 */
export function describeStore(
  name: string,
  open: OpenStore,
  { isTold = false, remembers = true }: { isTold?: boolean; remembers?: boolean } = {},
): void {
  const parts = {
    accounts: describeAccounts,
    'the last admin': describeLastAdmin,
    sessions: describeSessions,
    'what is remembered': (open: OpenStore) => describeRecall(open, { isTold, remembers }),
    'a refresh': describeRefresh,
    'signing keys': describeSigningKeys,
    'audit events': describeAuditEvents,
    counts: describeCounts,
  };
  for (const [part, describePart] of Object.entries(parts)) {
    describe(`${name}: ${part}`, () => {
      describePart(open);
    });
  }
}
