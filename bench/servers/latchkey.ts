import { compose } from '../../server/compose.ts';
import { readEnvironment } from '../../server/config/environment.ts';
import { databasePathOf } from '../../server/config/settings.ts';
import { startServer } from '../../server/http/server.ts';
import { assemble } from '../../server/latchkey.ts';
import { openDatabase } from '../../server/store/sqlite/open-database.ts';
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts';
import type { SessionWithUser, Store } from '../../server/store/store.ts';
import { reportReady } from './child.ts';

// Latchkey as the environment says, logging from `warn` up, which is the library's default.
// With `--without-database` two methods of the store, those of a refresh, work in memory; with
// `--synchronous-normal` the store's commits do not wait for the disk, which Latchkey has no
// setting for: it is there to know the price of FULL.
const { settings, secret } = readEnvironment(process.env);
const composition = await compose({
  ...settings,
  allowedOrigins: [...settings.allowedOrigins],
  secret,
});
const accounts = { ...composition.accounts, store: await chooseStore(process.argv) };
const latchkey = assemble({ ...composition, accounts }, {});
const server = await startServer(latchkey.nodeHandler(), { host: '127.0.0.1', port: 0 });
reportReady(server.address);

async function chooseStore(args: readonly string[]): Promise<Store> {
  const { store } = composition.accounts;
  if (args.includes('--without-database')) return refreshInMemory(store);
  if (!args.includes('--synchronous-normal')) return store;
  const { runtime, auditChain } = composition;
  const { database } = await openDatabase(databasePathOf(settings), runtime);
  database.pragma('synchronous = NORMAL');
  return createSqliteStore(database, runtime, auditChain);
}

/** Reads each session once and rotates it in memory, under the guard that the real statement has. */
function refreshInMemory(real: Store): Store {
  const sessions = new Map<string, SessionWithUser>();
  return {
    ...real,
    async findSession(sessionId) {
      const found = sessions.get(sessionId) ?? (await real.findSession(sessionId));
      if (found) sessions.set(sessionId, found);
      return found;
    },
    async rotateSession({ sessionId, counter, sealedTokenKey, now, origin }) {
      const { session, user } = sessions.get(sessionId) ?? { session: null, user: null };
      const isLive =
        session?.counter === counter &&
        session.revokedAt === null &&
        session.expiresAt > now &&
        session.idleExpiresAt > now &&
        Buffer.compare(session.sealedTokenKey, sealedTokenKey) === 0;
      if (!isLive || !user) return { kind: 'unknown' };
      const idleExpiresAt = Math.min(session.expiresAt, now + session.idleTtlMs);
      const changes = { counter: counter + 1, rotatedAt: now, lastSeenAt: now, idleExpiresAt };
      const rotated = { ...session, ...origin, ...changes };
      sessions.set(sessionId, { session: rotated, user });
      return { kind: 'rotated', session: rotated, user };
    },
  };
}
