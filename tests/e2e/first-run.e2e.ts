import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createFolder, startProcess } from '../contract/server-process.ts';
import { findFreePort } from '../examples/start-example.ts';
import { launchBrowser } from './browser.ts';
import { follow, openConsole, signIn, signUp } from './console.ts';

const browser = await launchBrowser();

afterAll(() => browser.close());

test('who starts it first opens what it printed, is the admin, and sees who signs up next', async () => {
  await using folder = await createFolder();
  await using server = startProcess({
    DATABASE_URL: `file:${join(folder.path, 'latchkey.db')}`,
    PORT: String(await findFreePort()),
  });
  await server.ready;
  const screen = server.stdout();
  const [, url = ''] = /^ +console +(\S+)\/$/m.exec(screen) ?? [];
  const [, email = ''] = /^ +e-mail +(\S+)$/m.exec(screen) ?? [];
  const [, password = ''] = /^ +password +(\S+)$/m.exec(screen) ?? [];

  const own = await browser.newContext();
  const console = await openConsole(own, url);
  await console.getByText('The first start of the server printed').waitFor();
  await signIn(console, { email, password });
  await console.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();

  const other = await browser.newContext();
  const page = await openConsole(other, url);
  await signUp(page, { email: 'eve@first.example', password: 'correct horse battery' });
  await page.getByRole('heading', { level: 1, name: 'Profile' }).waitFor();
  expect(await page.getByRole('link', { name: 'Users' }).count()).toBe(0);

  await follow(console, 'Users');
  await console.getByRole('link', { name: 'eve@first.example' }).waitFor();
  browser.assertNoFaults();

  // And is still there after a second start, signed in and an admin.
  server.kill('SIGTERM');
  expect(await server.ended).toEqual({ code: 0, signal: null });
  await using again = startProcess({
    DATABASE_URL: `file:${join(folder.path, 'latchkey.db')}`,
    PORT: new URL(url).port,
  });
  await again.ready;
  await console.reload();
  await console.getByRole('link', { name: 'eve@first.example' }).waitFor();
});
