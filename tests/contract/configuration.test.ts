import { randomBytes } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { chmod, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { isSecret } from '../../server/config/secret.ts';
import { lacks } from '../kit/mode.ts';
import { holdLock } from './database-lock.ts';
import { createFolder, startProcess } from './server-process.ts';

/** Stands in every bad value, to be looked for in what is printed. */
const mark = 'hunter2';

/**
 * Starts the process, which must not come up.
 *
 * @returns the names of what is wrong, one for each line
 */
async function namesOfRefusal(variables: Readonly<Record<string, string>>): Promise<string[]> {
  await using server = startProcess(variables);
  const started = server.ready.then(
    (url) => Promise.reject(new Error(`It has started on ${url}.`)),
    () => server.ended,
  );
  expect(await Promise.race([server.ended, started])).toEqual({ code: 1, signal: null });
  expect(server.stdout()).toBe('');
  const printed = server.stderr();
  expect(printed).not.toContain(mark);
  expect(printed).not.toMatch(/ {4}at |node_modules|Error:/);
  const lines = printed.trimEnd().split('\n');
  for (const line of lines) expect(line).toMatch(/^[A-Z_]+: .+\. .+\.$/);
  return lines.map((line) => line.slice(0, line.indexOf(':')));
}

/** Each is wrong by itself. */
const bad: Readonly<Record<string, readonly string[]>> = {
  PORT: [mark, '65536', '-1', '80.5', '0x50'],
  HOST: [`${mark}/24`, 'a b'],
  DATABASE_URL: [`postgres:user:${mark}`, mark, `mysql://${mark}`, 'file:'],
  REDIS_URL: [mark, `http://:${mark}@127.0.0.1`],
  LATCHKEY_SECRET: [mark, `${mark}-secret`.repeat(9), 'a'.repeat(64), '00'.repeat(32)],
  LATCHKEY_URL: [mark, `https://${mark}.example/`, `https://u:${mark}@x.example`, `ftp://${mark}`],
  LATCHKEY_AUDIENCE: [mark.repeat(99)],
  LATCHKEY_SIGNING_ALG: [mark, 'none', 'eddsa', 'HS512'],
  LATCHKEY_ACCESS_TTL: [mark, '0', '-1', '15m', '1e3', '86401'],
  LATCHKEY_SESSION_TTL: [mark, '0', '31536001'],
  LATCHKEY_SESSION_IDLE_TTL: [mark, '0', '31536001'],
  LATCHKEY_REFRESH_GRACE: [mark, '-1', '61'],
  LATCHKEY_BCRYPT_COST: [mark, '3', '16', '10.5'],
  LATCHKEY_TRUSTED_PROXIES: [`${mark},${mark}/8`, '10.0.0.0/33,', '*', 'localhost'],
  LATCHKEY_ALLOWED_ORIGINS: [`${mark},https://${mark}/x`, '*', 'null', 'https://x.example/'],
  DATABASE_POOL: [mark, '0', '201'],
  LATCHKEY_PASSWORD_MIN_LENGTH: [mark, '7', '65'],
  LATCHKEY_PASSWORD_WORDS: [`${mark},abc`, mark.repeat(10)],
  LATCHKEY_MAX_SESSIONS: [mark, '0', '1001'],
  LATCHKEY_AUDIT_RETENTION_DAYS: [mark, '0', '3651'],
  LATCHKEY_LIMITS: [mark, `${mark}=1/1`, 'signInPerAddress=0/60'],
  LATCHKEY_SERVICES: [`orders:${mark}`, mark],
  LATCHKEY_LOG_LEVEL: [mark, 'INFO'],
  LATCHKEY_RATE_LIMITS: [mark, 'false', '0'],
  LATCHKEY_METRICS: [mark, 'true'],
  LATCHKEY_ALLOW_HTTP: [mark, 'yes'],
  LATCHKEY_WORKERS: [mark, '0', '65', '1.5'],
  LATCHKEY_STOP_DELAY: [mark, '-1', '6'],
  LATCHKEY_ADMIN_EMAIL: [mark],
  LATCHKEY_ADMIN_PASSWORD: [mark.repeat(147)],
};

describe('the process refuses to start', { timeout: 60_000, concurrent: true }, () => {
  test.each([0, 1, 2])(
    'with a line for each bad variable, its name and never its value (%i)',
    async (index) => {
      const variables = Object.fromEntries(
        Object.entries(bad).map(([name, values]) => [name, values[index % values.length] ?? '']),
      );
      const names = await namesOfRefusal(variables);
      expect(names.toSorted()).toEqual(Object.keys(bad).toSorted());
    },
  );

  test('with one line where one variable is bad', async () => {
    const variables = { PORT: mark, DATABASE_URL: ':memory:' };
    expect(await namesOfRefusal(variables)).toEqual(['PORT']);
  });

  test('in production without a secret, over http, with cheap hashes or without limits', async () => {
    const variables = {
      NODE_ENV: 'production',
      DATABASE_URL: ':memory:',
      LATCHKEY_URL: 'http://auth.example.com',
      LATCHKEY_ALLOWED_ORIGINS: 'https://app.example.com,http://app.example.com',
      LATCHKEY_BCRYPT_COST: '9',
      LATCHKEY_RATE_LIMITS: 'off',
    };
    expect(await namesOfRefusal(variables)).toEqual([
      'LATCHKEY_SECRET',
      'LATCHKEY_URL',
      'LATCHKEY_ALLOWED_ORIGINS',
      'LATCHKEY_BCRYPT_COST',
      'LATCHKEY_RATE_LIMITS',
    ]);
  });

  test('with half an admin, or one with a weak password', async () => {
    const email = { DATABASE_URL: ':memory:', LATCHKEY_ADMIN_EMAIL: 'admin@process.example' };
    expect(await namesOfRefusal(email)).toEqual(['LATCHKEY_ADMIN_PASSWORD']);
    const weak = { ...email, LATCHKEY_ADMIN_PASSWORD: mark };
    expect(await namesOfRefusal(weak)).toEqual(['LATCHKEY_ADMIN_PASSWORD']);
  });

  test('where it cannot listen, and loses no first admin by it', async () => {
    await using folder = await createFolder();
    const variables = { DATABASE_URL: `file:${join(folder.path, 'latchkey.db')}` };
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const { port } = holder.address() as AddressInfo; // A TCP server has such an address.
    expect(await namesOfRefusal({ ...variables, PORT: String(port) })).toEqual(['PORT']);
    await new Promise((resolve) => holder.close(resolve));
    expect(await namesOfRefusal({ ...variables, HOST: '203.0.113.7' })).toEqual(['HOST']);
    await using server = startProcess(variables);
    await server.ready;
    expect(server.stdout()).toMatch(/created the first admin[^]*password {2}\S+/);
  });

  test.skipIf(lacks("SQLite's file"))('on what is no file of its own', async () => {
    await using folder = await createFolder();
    const file = join(folder.path, 'file');
    await writeFile(file, 'just some text that was here before, and has to stay');
    await chmod(file, 0o644);
    const nowhere = join(folder.path, 'nowhere');
    await symlink(join(folder.path, 'gone', 'further'), nowhere);
    // In the last, Node makes folders for ever.
    for (const path of [
      folder.path,
      file,
      join(file, 'below.db'),
      join(nowhere, 'below.db'),
      '/proc/none/below.db',
    ]) {
      expect(await namesOfRefusal({ DATABASE_URL: `file:${path}` })).toEqual(['DATABASE_URL']);
    }
    expect(await readFile(file, 'utf8')).toBe(
      'just some text that was here before, and has to stay',
    );
    expect((await stat(file)).mode & 0o777).toBe(0o644);
  });

  test.skipIf(lacks("SQLite's file"))(
    'on a database that is damaged, or belongs to another secret',
    async () => {
      await using folder = await createFolder();
      const path = join(folder.path, 'latchkey.db');
      const variables = { DATABASE_URL: `file:${path}` };
      {
        await using server = startProcess(variables);
        await server.ready;
        server.kill('SIGTERM');
        await server.ended;
      }
      const whole = await readFile(path);
      const other = randomBytes(32).toString('base64url');
      expect(await namesOfRefusal({ ...variables, LATCHKEY_SECRET: other })).toEqual([
        'LATCHKEY_SECRET',
      ]);

      const database = new DatabaseSync(path);
      const pages = database
        .prepare("SELECT name, rootpage FROM sqlite_schema WHERE name IN ('signing_keys', 'users')")
        .all();
      database.close();
      expect(pages).toHaveLength(2);
      for (const { rootpage } of pages) {
        const damaged = Buffer.from(whole);
        damaged.fill(0xaa, (Number(rootpage) - 1) * 4_096, Number(rootpage) * 4_096);
        await writeFile(path, damaged);
        expect(await namesOfRefusal(variables)).toEqual(['DATABASE_URL']);
      }
    },
  );

  test.skipIf(lacks("SQLite's file"))(
    'on a database that another process keeps locked',
    async () => {
      await using folder = await createFolder();
      const path = join(folder.path, 'latchkey.db');
      new DatabaseSync(path).close();
      const lock = await holdLock(path);
      expect(await namesOfRefusal({ DATABASE_URL: `file:${path}` })).toEqual(['DATABASE_URL']);
      await lock.release();
    },
  );
});

test('no value that a document shows is good enough to be the secret', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const shown = globSync(['*.md', 'docs/**/*.md', 'deploy/**/*.*', 'examples/*/*.{md,ts,js,yml}'], {
    cwd: root,
  }).flatMap((name) =>
    (readFileSync(join(root, name), 'utf8').match(/[\w-]{43,}/g) ?? []).map((value) => [
      name,
      value,
    ]),
  );
  expect(shown.filter(([, value = '']) => isSecret(value))).toEqual([]);
});
