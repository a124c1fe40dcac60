import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { createRuntime } from '../../runtime.ts';
import { createCommitGroup } from './commit-group.ts';
import { createLockLine } from './lock-line.ts';

/** A table of names, and every statement that was run on it. */
function createScene() {
  const statements: string[] = [];
  const database = new Database(':memory:', {
    verbose: (text) => statements.push(String(text)),
  });
  database.exec('CREATE TABLE names (name TEXT NOT NULL UNIQUE)');
  const commit = createCommitGroup(database, createLockLine(createRuntime()));
  return {
    database,
    insert: (name: string) =>
      commit(() => database.prepare('INSERT INTO names VALUES (?)').run(name).changes),
    commit,
    commits: () => statements.filter((text) => text.startsWith('COMMIT')).length,
    names: () => database.prepare('SELECT name FROM names ORDER BY name').pluck().all(),
  };
}

test('the writes of one turn share a commit, and each has its answer', async () => {
  const { insert, commits, names } = createScene();
  expect(await Promise.all(['a', 'b', 'c'].map(insert))).toEqual([1, 1, 1]);
  expect(commits()).toBe(1);
  await insert('d');
  expect(commits()).toBe(2);
  expect(names()).toEqual(['a', 'b', 'c', 'd']);
});

test('what throws is undone alone', async () => {
  const { insert, commit, database, commits, names } = createScene();
  const broken = commit(() => {
    database.prepare("INSERT INTO names VALUES ('half')").run();
    throw new Error('changed my mind');
  });
  const outcomes = await Promise.allSettled([insert('a'), broken, insert('a'), insert('b')]);
  expect(outcomes).toMatchObject([
    { status: 'fulfilled' },
    { status: 'rejected', reason: { message: 'changed my mind' } },
    { status: 'rejected', reason: { code: 'SQLITE_CONSTRAINT_UNIQUE' } },
    { status: 'fulfilled' },
  ]);
  expect(commits()).toBe(1);
  expect(names()).toEqual(['a', 'b']);
});

test('a crowd shares several commits, in the order in which they came', async () => {
  const { insert, commit, commits, database } = createScene();
  const count = () => Number(database.prepare('SELECT count(*) FROM names').pluck().get());
  const seen = await Promise.all(
    Array.from({ length: 150 }, async (_, index) => {
      await insert(String(index));
      return commit(count);
    }),
  );
  expect(commits()).toBeLessThan(10);
  expect(seen.every((found, index) => found > index)).toBe(true);
});

test('nobody is answered for what a full disk has taken back', async () => {
  const { insert, commit, database, names } = createScene();
  await insert('before');
  const pages = Number(database.pragma('page_count', { simple: true }));
  database.pragma(`max_page_count = ${pages + 1}`);
  const big = commit(() =>
    database.prepare('INSERT INTO names VALUES (?)').run('x'.repeat(1_000_000)),
  );
  const outcomes = await Promise.allSettled([insert('a'), big, insert('b')]);
  const answered = outcomes.flatMap(({ status }, index) =>
    status === 'fulfilled' ? [['a', 'big', 'b'][index]] : [],
  );
  expect(outcomes[1]).toMatchObject({ status: 'rejected', reason: { reason: 'overloaded' } });
  expect(new Set(names())).toEqual(new Set(['before', ...answered]));
});
