import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createApi, register } from '../contract/api.ts';
import { findFreePort } from '../proxy/nginx.ts';
import { buildImage, type Image } from './build-image.ts';
import { findWhyNoRoom, furnish, runInImage } from './run-in-image.ts';

let image: Image;
beforeAll(async () => {
  image = await buildImage('deploy/Dockerfile');
}, 300_000);
afterAll(() => image[Symbol.asyncDispose](), 60_000);

const whyNot = findWhyNoRoom();
if (whyNot !== null) process.stdout.write(`The image is built but not run: ${whyNot}\n`);

async function readAll(stream: Readable | null): Promise<string> {
  return stream ? text(stream) : '';
}

async function runToEnd(
  command: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<{ code: unknown; output: string }> {
  const child = runInImage(image, command, variables);
  const [output, errors, [code]] = await Promise.all([
    readAll(child.stdout),
    readAll(child.stderr),
    once(child, 'close'),
  ]);
  return { code, output: output + errors };
}

test('holds what runs, and nothing else', () => {
  const { root } = image;
  const packages = readdirSync(join(root, 'opt/latchkey/node_modules'));
  for (const name of ['better-sqlite3', 'pg', 'redis', '@trpc']) expect(packages).toContain(name);
  for (const name of ['typescript', 'vite', 'vitest', 'react', 'node']) {
    expect(packages).not.toContain(name);
  }
  expect(readdirSync(join(root, 'opt/latchkey')).toSorted()).toEqual([
    'dist',
    'node_modules',
    'package.json',
  ]);
  expect(existsSync(join(root, 'opt/latchkey/dist/web/index.html'))).toBe(true);
  const found = execFileSync('find', [root, '-name', '*.db*', '-o', '-name', '*.env*']);
  expect(found.toString()).toBe('');
  expect(image.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
});

test.skipIf(whyNot !== null)(
  'serves in production as nobody, on a file system that cannot be written',
  { timeout: 120_000 },
  async () => {
    furnish(image);
    const secret = randomBytes(32).toString('base64url');
    await mkdir(join(image.root, 'etc/latchkey'), { recursive: true });
    // As a secret that is mounted.
    await writeFile(join(image.root, 'etc/latchkey/latchkey.env'), `LATCHKEY_SECRET=${secret}\n`);
    const port = await findFreePort();
    const variables = {
      PORT: `${port}`,
      LATCHKEY_URL: 'https://auth.example.com',
      LATCHKEY_BCRYPT_COST: '10',
    };

    const child = runInImage(image, image.command, variables);
    const ended = once(child, 'close');
    const output = Promise.all([child.stdout, child.stderr].map(readAll));
    const api = createApi(`http://127.0.0.1:${port}`);
    await vi.waitFor(async () => expect((await api.send('/health/ready')).status).toBe(200), {
      timeout: 60_000,
    });
    expect((await register(api)).user.role).toBe('user');
    expect((await api.send('/')).text).toContain('<div id="root">');
    expect(await runToEnd(image.healthCheck, variables)).toEqual({ code: 0, output: '' });

    const doctor = await runToEnd(['latchkey', 'doctor'], variables);
    expect(doctor.output).toContain('database');
    const write = await runToEnd(['touch', '/opt/latchkey/x'], variables);
    expect(write.output).toContain('Read-only file system');
    expect(await runToEnd(['id', '-u'], variables)).toEqual({ code: 0, output: '1000\n' });

    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect((await runToEnd(image.healthCheck, variables)).code).toBe(1);
    expect((await output).join('')).not.toContain(secret);
    expect(existsSync(join(image.root, 'var/lib/latchkey/data/latchkey.db'))).toBe(true);
  },
);
