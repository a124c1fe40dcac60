import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { LatchkeyOptions } from '../../server/compose.ts';
import { createTestLatchkey } from '../../server/testing/index.ts';
import {
  createApi,
  goodPassword,
  login,
  refresh,
  refusalOf,
  refusals,
  register,
  signedInOf,
  valueOf,
  whatWorks,
  type Api,
} from '../contract/api.ts';
import { createFolder } from '../contract/server-process.ts';
import { readSnippets } from '../docs/read-snippets.ts';
import { createDatabase, dropDatabases, urlOf } from '../kit/databases.ts';
import { mode } from '../kit/mode.ts';
import { print } from '../kit/print.ts';

/** A database that can be copied and brought back, by the commands of the documentation. */
interface Restorable extends AsyncDisposable {
  readonly url: string;
  backUp(): void;
  /** @returns the database as it was when it was backed up */
  restore(): Promise<string>;
  endAllSessions(): void;
}

/** The commands of `docs/operations/backup-and-restore.md` that name this tool. */
function commandOf(part: string): string {
  const path = fileURLToPath(
    new URL('../../docs/operations/backup-and-restore.md', import.meta.url),
  );
  const found = readSnippets(path, readFileSync(path, 'utf8'))
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.split('\n'))
    .find((line) => line.includes(part));
  if (found === undefined) throw new Error(`The page has no command with ${part}.`);
  return found;
}

async function openSqlite(): Promise<Restorable> {
  const folder = await createFolder();
  const [path, copy] = [join(folder.path, 'latchkey.db'), join(folder.path, 'backup.db')];
  const run = (command: string, database: string) =>
    execFileSync('/bin/sh', ['-ec', command.replace('/var/lib/latchkey/latchkey.db', database)], {
      cwd: folder.path,
    });
  return {
    url: `file:${path}`,
    backUp: () => run(commandOf('.backup'), path),
    restore: async () => `file:${copy}`,
    endAllSessions: () => run(commandOf('sqlite3 /var/lib/latchkey/latchkey.db "UPDATE'), copy),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

async function openPostgres(): Promise<Restorable> {
  const folder = await createFolder();
  const server = mode.database ?? '';
  const name = `latchkey_restore_${process.pid}`;
  const [from, to] = [urlOf(server, name), urlOf(server, `${name}_restored`)];
  const run = (command: string, url: string) =>
    execFileSync('/bin/sh', ['-ec', command], {
      cwd: folder.path,
      env: { PATH: '/usr/bin:/bin', DATABASE_URL: url },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  await createDatabase(server, name);
  return {
    url: from,
    backUp: () => run(commandOf('pg_dump'), from),
    async restore() {
      await createDatabase(server, `${name}_restored`);
      run(commandOf('pg_restore'), to);
      return to;
    },
    endAllSessions: () => run(commandOf('psql "$DATABASE_URL" --command="UPDATE'), to),
    async [Symbol.asyncDispose]() {
      await dropDatabases(server, name);
      await folder[Symbol.asyncDispose]();
    },
  };
}

function apiOf(kit: {
  readonly latchkey: { fetchHandler(): (request: Request) => Promise<Response> };
}): Api {
  const handle = kit.latchkey.fetchHandler();
  return createApi('http://localhost:4000', (url, init) => handle(new Request(url, init)));
}

const hasSqlite = spawnSync('sqlite3', ['--version']).error === undefined;
if (!hasSqlite) print('skipped here: restoring SQLite; sqlite3 is not on this machine');
const hasPostgres =
  mode.database !== null && spawnSync('pg_dump', ['--version']).error === undefined;
if (!hasPostgres) {
  print('skipped here: restoring PostgreSQL; it wants LATCHKEY_TEST_DATABASE and pg_dump');
}

describe.each([
  { name: 'SQLite', open: openSqlite, isHere: hasSqlite },
  { name: 'PostgreSQL', open: openPostgres, isHere: hasPostgres },
])('a backup of $name', { timeout: 60_000 }, ({ open, isHere }) => {
  test.skipIf(!isHere)('brings back what had ended, unless all sessions are ended', async () => {
    await using database = await open();
    const secret = randomBytes(32).toString('base64url');
    const options: LatchkeyOptions = { secret, databasePool: 2 };
    const before = await createTestLatchkey({ ...options, database: database.url });
    const api = apiOf(before);
    const idle = await register(api);
    const active = await register(api);
    const gone = await register(api);
    const changed = await register(api);
    const robbed = await register(api);
    database.backUp();

    const moved = signedInOf(await refresh(api, active.refreshToken));
    valueOf(await refresh(api, robbed.refreshToken));
    valueOf(await api.mutate('auth.logout', { token: gone.accessToken }));
    const input = { currentPassword: goodPassword, newPassword: `${goodPassword} 2` };
    valueOf(await api.mutate('user.changePassword', { token: changed.accessToken, input }));
    const late = await register(api);
    before.clock.advance(60);
    await before.close();

    const { runtime } = before.composition;
    const copy = { ...options, runtime, database: await database.restore() };
    const restored = await createTestLatchkey(copy);
    const again = apiOf(restored);
    // As it was: whoever did nothing since goes on, and so does whoever had signed out,
    expect(await whatWorks(again, idle)).toEqual({ me: true, refresh: true });
    expect(await whatWorks(again, gone)).toEqual({ me: true, refresh: true });
    // the old password is good again, and so is a token that was spent since,
    expect((await login(again, changed.user.email)).user.id).toBe(changed.user.id);
    expect(await whatWorks(again, robbed)).toEqual({ me: true, refresh: true });
    // while that of whoever refreshed since is from a time that never was: taken for a stolen one.
    expect(refusalOf(await refresh(again, moved.refreshToken))).toBe(refusals.refreshReused);
    expect(await whatWorks(again, moved)).toEqual({ me: false, refresh: false });
    // Whoever came since is not there.
    expect(refusalOf(await refresh(again, late.refreshToken))).toBe(refusals.tokenInvalid);
    await restored.close();

    database.endAllSessions();
    const served = await createTestLatchkey(copy);
    const safe = apiOf(served);
    for (const person of [idle, active, gone, changed, robbed]) {
      expect(await whatWorks(safe, person)).toEqual({ me: false, refresh: false });
    }
    expect((await login(safe, idle.user.email)).user.id).toBe(idle.user.id);
    await served.close();
  });
});
