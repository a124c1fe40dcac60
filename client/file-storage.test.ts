import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { fileStorage } from './file-storage.ts';
import { createClient } from './index.ts';
import { createAuthServer, type TestRouter } from './testing/auth-server.ts';
import { caught } from './testing/caught.ts';

async function createFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

test('reads what was written, and nothing where there is nothing', async () => {
  const file = join(await createFolder(), 'session');
  const storage = fileStorage(file);
  expect(await storage.get()).toBeNull();
  await storage.remove();
  await storage.set('one');
  await storage.set('two');
  expect(await storage.get()).toBe('two');
  expect(await readFile(file, 'utf8')).toBe('two');
  await storage.remove();
  expect(await storage.get()).toBeNull();
});

test('is for its owner alone, even over a file that was not', async () => {
  const file = join(await createFolder(), 'new', 'folder', 'session');
  await fileStorage(file).set('secret');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(join(file, '..'))).mode & 0o777).toBe(0o700);

  const open = join(await createFolder(), 'session');
  await writeFile(open, 'old', { mode: 0o644 });
  await fileStorage(open).set('secret');
  expect((await stat(open)).mode & 0o777).toBe(0o600);
});

test('leaves no half of a file and no draft, however many write at once', async () => {
  const folder = await createFolder();
  const storage = fileStorage(join(folder, 'session'));
  const values = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(10_000));
  const reads: Promise<unknown>[] = [];
  await Promise.all(
    values.map(async (value) => {
      await storage.set(value);
      reads.push(Promise.resolve(storage.get()));
    }),
  );
  for (const read of await Promise.all(reads)) expect(values).toContain(read);
  expect(await readdir(folder)).toEqual(['session']);
});

test('says so when it cannot write, and clears up', async () => {
  const folder = await createFolder();
  await mkdir(join(folder, 'session'));
  const storage = fileStorage(join(folder, 'session'));
  expect(await caught(Promise.resolve(storage.set('x')))).toMatchObject({ code: 'EISDIR' });
  expect(await caught(Promise.resolve(storage.get()))).toMatchObject({ code: 'EISDIR' });
  expect(await readdir(folder)).toEqual(['session']);
});

test('carries a session from one start to the next', async () => {
  await using server = await createAuthServer();
  server.addUser('ada@example.com');
  const file = join(await createFolder(), 'session');
  const open = () => createClient<TestRouter>({ url: server.url, storage: fileStorage(file) });
  using first = open();
  await first.signIn({ email: 'ada@example.com', password: 'password' });
  expect(await readFile(file, 'utf8')).not.toContain('access.');
  using second = open();
  expect(await second.trpc.notes.mine.query()).toBe('ada@example.com');
  await second.signOut();
  using third = open();
  expect(await third.refresh()).toBeNull();
  expect(server.reuses).toBe(0);
});
