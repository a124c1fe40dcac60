import { createAuditEvent } from '../audit/audit-event.ts';
import { sortKeys } from '../tokens/key-ring.ts';
import { assertConfirmed } from './assert-confirmed.ts';
import type { CommandParts } from './command-parts.ts';
import { formatTable } from './format-table.ts';
import { operator, withInstallation } from './installation.ts';

export async function listKeys(
  parts: CommandParts,
  { json }: { readonly json?: boolean | undefined },
): Promise<void> {
  await withInstallation(parts, async ({ accounts: { store } }) => {
    const records = await store.listSigningKeys();
    const keys = sortKeys(records).map(({ id, algorithm, status, createdAt, retiredAt }) => ({
      id,
      algorithm,
      status,
      createdAt: new Date(createdAt).toISOString(),
      retiredAt: retiredAt === null ? null : new Date(retiredAt).toISOString(),
    }));
    if (json === true) {
      parts.terminal.print(JSON.stringify({ keys }, null, 2));
      return;
    }
    parts.terminal.print(
      formatTable([
        ['ID', 'ALGORITHM', 'STATUS', 'CREATED', 'RETIRED'],
        ...keys.map((key) => [
          key.id,
          key.algorithm,
          key.status,
          key.createdAt,
          key.retiredAt ?? '-',
        ]),
      ]),
    );
  });
}

export async function rotateKeys(
  parts: CommandParts,
  { yes }: { readonly yes?: boolean | undefined },
): Promise<void> {
  await withInstallation(parts, async ({ keyRing, runtime }) => {
    await assertConfirmed(parts.terminal, 'Put the next signing key in service?', yes);
    const activeKeyId = await keyRing.rotate((keyId) =>
      createAuditEvent(runtime, 'keys.rotated', {
        actor: operator,
        detail: { activeKeyId: keyId },
      }),
    );
    parts.terminal.print(
      `${activeKeyId} signs from now on; servers on this database follow within 5 seconds.`,
    );
  });
}
