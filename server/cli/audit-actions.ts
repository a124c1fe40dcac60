import { verifyAuditLog } from '../audit/verify-audit-log.ts';
import { ConfigurationError } from '../config/configuration-error.ts';
import type { CommandParts } from './command-parts.ts';
import { withInstallation } from './installation.ts';

const progressEvery = 100_000;

export async function verifyAudit(
  parts: CommandParts,
  { json }: { readonly json?: boolean | undefined },
): Promise<void> {
  const { terminal } = parts;
  await withInstallation(parts, async ({ accounts, auditChain }) => {
    let shown = 0;
    const result = await verifyAuditLog(accounts.store, auditChain, (verified, total) => {
      if (verified < shown + progressEvery) return;
      shown = verified;
      terminal.note(`Looked at ${verified} of ${total} events`);
    });
    if (json === true) terminal.print(JSON.stringify(result, null, 2));
    else {
      terminal.print(`${result.verified} event(s) are in order.`);
      if (result.head) {
        terminal.print(`Newest: event ${result.head.sequence}, ${result.head.hash}`);
        terminal.print('Keep that line elsewhere: it shows whether the whole log was set back.');
      }
    }
    if (result.problem !== null) {
      throw new ConfigurationError([
        `The audit log was tampered with. ${result.problem} Compare it with a backup, and look for who can write to the database.`,
      ]);
    }
  });
}
