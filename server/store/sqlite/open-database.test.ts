import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, cp, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAuditChain } from '../../audit/audit-chain.ts';
import { ConfigurationError } from '../../config/configuration-error.ts';
import { createRuntime, type Runtime } from '../../runtime.ts';
import { explainDatabaseError } from '../explain-database-error.ts';
import type { OpenerAnswer, OpenerCall } from '../testing/opener.ts';
import { addSession, addUser } from '../testing/store-scene.ts';
import { assertSqliteVersion, openDatabase, sqliteVersionOf } from './open-database.ts';
import { createSqliteStore } from './sqlite-store.ts';

const runtime = createRuntime();
const auditChain = createAuditChain(runtime.randomBytes(32));
const migrationsFolder = fileURLToPath(new URL('../../../drizzle/sqlite', import.meta.url));
const allMigrations = readMigrationFiles({ migrationsFolder }).length;

let root: string;
let folder: string;
let path: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'latchkey-'));
  await chmod(root, 0o755); // Another user has to come through to its files.
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'test-'));
  path = join(folder, 'latchkey.db');
});

async function modeOf(file: string): Promise<string> {
  return ((await stat(file)).mode & 0o777).toString(8);
}

/** Makes a database and closes it, so that nothing but its file is left. */
async function makeDatabase(): Promise<void> {
  const { database } = await openDatabase(path, runtime);
  database.close();
}

async function overwrite(position: number, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(bytes, 0, bytes.length, position);
  await file.close();
}

/** What a person reads who starts Latchkey on it. */
async function refusalOf(opening: Promise<unknown>): Promise<string> {
  const error = await opening.catch((error: unknown) => error);
  expect(error).toBeInstanceOf(ConfigurationError);
  const { problems } = error as ConfigurationError; // The line above has looked.
  expect(problems).toHaveLength(1);
  return problems.join();
}

describe('a new file', () => {
  test('is its owner’s alone, whatever the umask', async () => {
    const before = process.umask(0);
    try {
      path = join(folder, 'made', 'here', 'latchkey.db');
      const { database, ...opened } = await openDatabase(path, runtime);
      expect(opened).toEqual({ created: true, migrationsApplied: allMigrations });
      database.exec("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('x', 0)");
      for (const file of [path, `${path}-wal`, `${path}-shm`]) {
        expect(await modeOf(file)).toBe('600');
      }
      expect(await modeOf(join(folder, 'made'))).toBe('700');
      expect(await modeOf(join(folder, 'made', 'here'))).toBe('700');
      database.close();
    } finally {
      process.umask(before);
    }
  });

  test('is kept so that a commit is durable and nothing waits in SQLite', async () => {
    const { database } = await openDatabase(path, runtime);
    const pragma = (name: string) => database.pragma(name, { simple: true });
    expect(pragma('journal_mode')).toBe('wal');
    expect(pragma('synchronous')).toBe(2);
    expect(pragma('foreign_keys')).toBe(1);
    expect(pragma('busy_timeout')).toBeLessThanOrEqual(2);
    database.close();
  });
});

describe('a file that is there', () => {
  test('is opened as it is, and taken back from the group', async () => {
    await makeDatabase();
    await chmod(path, 0o664);
    const { database, ...opened } = await openDatabase(path, runtime);
    expect(opened).toEqual({ created: false, migrationsApplied: 0 });
    expect(await modeOf(path)).toBe('600');
    database.close();
  });

  test('is refused when a newer version made it, and not touched', async () => {
    const { database } = await openDatabase(path, runtime);
    const future = Date.UTC(2100, 0, 1);
    database
      .prepare("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('newer', ?)")
      .run(future);
    database.close();
    const before = await readFile(path);
    expect(await refusalOf(openDatabase(path, runtime))).toMatch(/newer version .* Install/);
    expect(await readFile(path)).toEqual(before);
  });

  test('is refused when it is damaged, and not touched', async () => {
    await makeDatabase();
    await overwrite(100, new Uint8Array(200).fill(0xff));
    const before = await readFile(path);
    expect(await refusalOf(openDatabase(path, runtime))).toMatch(/damaged.*backup/);
    expect(await readFile(path)).toEqual(before);
  });

  test('is refused when it is something else, and not touched', async () => {
    await writeFile(path, 'a letter to a friend, '.repeat(100));
    const before = await readFile(path);
    expect(await refusalOf(openDatabase(path, runtime))).toMatch(/not a SQLite database/);
    expect(await readFile(path)).toEqual(before);
  });

  test('is refused when another application has its tables there, and they stay', async () => {
    const theirs = new Database(path);
    theirs.exec('CREATE TABLE users (theirs)');
    expect(await refusalOf(openDatabase(path, runtime))).toMatch(/other tables.*another file/);
    expect(theirs.prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['users']);
    theirs.close();
  });

  test('is refused when it is a folder, or below a file', async () => {
    expect(await refusalOf(openDatabase(folder, runtime))).toMatch(/folder\. Name a file/);
    await makeDatabase();
    for (const below of [join(path, 'a.db'), join(path, 'a', 'b.db')]) {
      expect(await refusalOf(openDatabase(below, runtime))).toMatch(/not a folder/);
    }
    expect(await modeOf(folder)).toBe('700');
  });

  test('is refused after a while when another process keeps its lock', async () => {
    await makeDatabase();
    const other = new Database(path);
    other.exec('BEGIN IMMEDIATE');
    let waitedMs = 0;
    const patient: Runtime = {
      ...runtime,
      delay: async (delayMs) => {
        waitedMs += delayMs;
      },
    };
    expect(await refusalOf(openDatabase(path, patient))).toMatch(/holds a lock.*Stop that process/);
    expect(waitedMs).toBeGreaterThan(1_000);
    expect(waitedMs).toBeLessThan(4_000);
    other.close();
  });

  test('is opened when the lock is let go in time', async () => {
    await makeDatabase();
    const other = new Database(path);
    other.exec('BEGIN EXCLUSIVE');
    let turns = 0;
    const { database } = await openDatabase(path, {
      ...runtime,
      delay: async () => {
        turns += 1;
        if (turns === 3) other.exec('COMMIT');
      },
    });
    expect(turns).toBe(3);
    database.close();
    other.close();
  });
});

test.for([
  ['SQLITE_BUSY_RECOVERY', /holds a lock/],
  ['SQLITE_CANTOPEN_ISDIR', /cannot be opened/],
  ['SQLITE_FULL', /disk is full/],
  ['SQLITE_IOERR_FSYNC', /Check the disk/],
  ['SQLITE_READONLY_DIRECTORY', /only be read/],
  ['SQLITE_PROTOCOL', /fails with SQLITE_PROTOCOL/],
  ['EACCES', /may not open/],
  ['ENOSPC', /disk is full/],
  ['EPERM', /another user/],
  ['EROFS', /file system may only be read/],
  ['ENAMETOOLONG', /fails with ENAMETOOLONG/],
] as const)('%s is explained', ([code, sentence]) => {
  const error = Object.assign(new Error('/home/of/somebody'), { code });
  const explained = explainDatabaseError(error);
  expect(explained).toBeInstanceOf(ConfigurationError);
  expect(String(explained)).toMatch(sentence);
  expect(String(explained)).toMatch(/^ConfigurationError: DATABASE_URL: [^\n]+\.$/);
  expect(String(explained)).not.toContain('somebody');
});

test('a defect is not explained away', () => {
  const defect = new TypeError('x is not a function');
  expect(explainDatabaseError(defect)).toBe(defect);
});

test('SQLite is new enough to share a file', () => {
  const database = new Database(':memory:');
  expect(() => assertSqliteVersion(sqliteVersionOf(database))).not.toThrow();
  database.close();
  for (const good of ['3.51.3', '3.51.10', '3.52.0', '4.0.0']) {
    expect(() => assertSqliteVersion(good)).not.toThrow();
  }
  for (const old of ['3.51.2', '3.50.9', '3.9.9', '2.99.99', 'unknown']) {
    expect(() => assertSqliteVersion(old)).toThrow(/better-sqlite3: .* Update better-sqlite3/);
  }
});

test('users of a file from before the index of search texts are found by it, in their order', async () => {
  const first = join(folder, 'first');
  await cp(migrationsFolder, first, { recursive: true });
  const journalFile = join(first, 'meta', '_journal.json');
  const journal = JSON.parse(await readFile(journalFile, 'utf8')) as { entries: object[] };
  await writeFile(
    journalFile,
    JSON.stringify({ ...journal, entries: journal.entries.slice(0, 1) }),
  );
  const { database: before } = await openDatabase(path, runtime, first);
  const insert = before.prepare(
    "INSERT INTO users VALUES (?, ?, 0, NULL, ?, 'user', 'active', 0, 'hash', ?, 1, 1)",
  );
  const ids = [runtime.newId(), runtime.newId(), runtime.newId()];
  for (const index of [2, 0, 1]) {
    const email = `person-${index}@example.com`;
    insert.run(ids[index], email, `Ada ${index}`, `${email}\n\nAda ${index}`.toUpperCase());
  }
  before.close();

  const { database, migrationsApplied } = await openDatabase(path, runtime);
  expect(migrationsApplied).toBe(allMigrations - 1);
  const store = createSqliteStore(database, runtime, auditChain);
  const find = async (search?: string) =>
    (await store.listUsers({ search, limit: 9 })).map(({ id }) => id);
  expect(await find()).toEqual(ids.toReversed());
  expect(await find('ada')).toEqual(ids.toReversed());
  expect(await find('SON-1@')).toEqual([ids[1]]);
  expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
  await store.close();
});

test('a migration that rebuilds a table takes nothing from those that refer to it', async () => {
  const newer = join(folder, 'migrations');
  await cp(migrationsFolder, newer, { recursive: true });
  const journalFile = join(newer, 'meta', '_journal.json');
  const journal = JSON.parse(await readFile(journalFile, 'utf8')) as { entries: object[] };
  const when = Date.UTC(2100, 0, 1);
  journal.entries.push({
    idx: journal.entries.length,
    version: '6',
    when,
    tag: '9999_rebuilt',
    breakpoints: true,
  });
  await writeFile(journalFile, JSON.stringify(journal));

  const { database: before } = await openDatabase(path, runtime);
  const store = createSqliteStore(before, runtime, auditChain);
  const user = await addUser(store);
  const session = await addSession(store, user);
  const table = before
    .prepare<[], { sql: string }>("SELECT sql FROM sqlite_schema WHERE name = 'users'")
    .get();
  await store.close();
  // As drizzle-kit writes it where SQLite has no ALTER TABLE for the change.
  const statements = [
    'PRAGMA foreign_keys=OFF;',
    table?.sql.replace('users', '__new_users'),
    'INSERT INTO __new_users SELECT * FROM users;',
    'DROP TABLE users;',
    'ALTER TABLE __new_users RENAME TO users;',
    'CREATE UNIQUE INDEX users_id ON users (id);',
    'PRAGMA foreign_keys=ON;',
  ];
  await writeFile(join(newer, '9999_rebuilt.sql'), statements.join('--> statement-breakpoint\n'));

  const { database: after, migrationsApplied } = await openDatabase(path, runtime, newer);
  expect(migrationsApplied).toBe(1);
  const migrated = createSqliteStore(after, runtime, auditChain);
  expect(await migrated.findSession(session.id)).toMatchObject({ user });
  expect(after.pragma('foreign_keys', { simple: true })).toBe(1);
  expect(after.pragma('foreign_key_check')).toEqual([]);
  await migrated.close();
});

describe('beside other processes', () => {
  const openerFile = fileURLToPath(new URL('../testing/opener.ts', import.meta.url));
  const rounds = 25;

  async function tell(opener: ChildProcess, call: OpenerCall): Promise<OpenerAnswer> {
    const answered = once(opener, 'message');
    opener.send(call);
    const [answer] = (await answered) as [OpenerAnswer];
    return answer;
  }

  async function stop(opener: ChildProcess): Promise<void> {
    const exited = once(opener, 'exit');
    opener.disconnect();
    await exited;
  }

  test(`two that make one file at once end with one schema, ${rounds} times`, async () => {
    const openers = [fork(openerFile), fork(openerFile)];
    for (let round = 0; round < rounds; round += 1) {
      const file = join(folder, `${round}.db`);
      const answers = await Promise.all(openers.map((opener) => tell(opener, { path: file })));
      const sum = { created: 0, migrationsApplied: 0 };
      for (const answer of answers) {
        if ('error' in answer) throw new Error(answer.error);
        sum.created += Number(answer.created);
        sum.migrationsApplied += answer.migrationsApplied;
      }
      expect(sum).toEqual({ created: 1, migrationsApplied: allMigrations });
      const { database, migrationsApplied } = await openDatabase(file, runtime);
      expect(migrationsApplied).toBe(0);
      expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
      database.close();
    }
    await Promise.all(openers.map(stop));
  });

  // POSIX: a process loses its locks on a file when it closes any descriptor of it.
  test('opening a file twice leaves the first connection its locks', async () => {
    const { database: first } = await openDatabase(path, runtime);
    const { database: second } = await openDatabase(path, runtime);
    const opener = fork(openerFile);
    await tell(opener, { path });
    // Had it found no lock, it would have been the last to close, and taken the log away.
    expect(existsSync(`${path}-wal`)).toBe(true);
    await stop(opener);
    first.close();
    second.close();
  });

  test('a file that this user may only read is refused', async () => {
    await makeDatabase();
    await chmod(path, 0o444);
    await chmod(folder, 0o755);
    expect(await askNobody()).toMatch(/may not open the file/);
  });

  test('a file in a folder that this user may only read is refused', async () => {
    await makeDatabase();
    // The tests of a user who is not root run as the owner of both.
    if (process.getuid?.() === 0) await chown(path, 65_534, 65_534);
    await chmod(folder, 0o555);
    expect(await askNobody()).toMatch(/folder .*may be written to|right to write/);
    await chmod(folder, 0o755);
  });

  async function askNobody(): Promise<string> {
    const opener = fork(openerFile);
    const answer = await tell(opener, { path, asNobody: true });
    await stop(opener);
    return 'problems' in answer ? answer.problems.join('\n') : 'opened';
  }

  test.for([2, 7, 13])(
    'one killed at statement %i of the migrations leaves a file to be opened',
    async (dieAt) => {
      const opener = fork(openerFile);
      const exited = once(opener, 'exit');
      opener.send({ path, dieAt } satisfies OpenerCall);
      expect(await exited).toEqual([null, 'SIGKILL']);
      const { database, ...opened } = await openDatabase(path, runtime);
      expect(opened).toEqual({ created: false, migrationsApplied: allMigrations });
      expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
      const store = createSqliteStore(database, runtime, auditChain);
      const user = await addUser(store);
      expect(await store.findUser(user.id)).toEqual(user);
      await store.close();
    },
  );
});
