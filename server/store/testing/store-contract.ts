import { describe } from 'vitest';
import { describeAccounts, describeLastAdmin } from './account-contract.ts';
import { describeAuditEvents } from './audit-contract.ts';
import { describeSigningKeys } from './key-contract.ts';
import { describeRefresh } from './refresh-contract.ts';
import { describeSessions } from './session-contract.ts';
import type { OpenStore } from './store-scene.ts';

/**
 * What every store has to do, whatever it keeps its data in: each method and each
 * of its outcomes, and what must not have changed after a refusal.
 */
export function describeStore(name: string, open: OpenStore): void {
  const parts = {
    accounts: describeAccounts,
    'the last admin': describeLastAdmin,
    sessions: describeSessions,
    'a refresh': describeRefresh,
    'signing keys': describeSigningKeys,
    'audit events': describeAuditEvents,
  };
  for (const [part, describePart] of Object.entries(parts)) {
    describe(`${name}: ${part}`, () => {
      describePart(open);
    });
  }
}
