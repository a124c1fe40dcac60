import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, expect, test } from 'vitest';
import { testPassword } from '../../server/testing/index.ts';
import { findBarriers } from './barriers.ts';
import { launchBrowser } from './browser.ts';
import { serveKit } from './serve.ts';

const { t, url, close } = await serveKit();
const browser = await launchBrowser();

afterEach(() => browser.assertNoFaults());
afterAll(async () => {
  await browser.close();
  await close();
});

async function openPage(): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 1400 } });
  const page = await context.newPage();
  await page.goto(`${url}/docs`);
  await operation(page, 'auth.login').waitFor();
  return page;
}

function operation(page: Page, id: string, prefix = 'trpc/'): Locator {
  return page.locator('.opblock', { hasText: `/${prefix}${id}` }).first();
}

/** Executes an operation as a person does, and answers its status. */
async function execute(page: Page, id: string, input?: object): Promise<number> {
  const block = operation(page, id);
  const button = block.getByRole('button', { name: 'Execute' });
  if (!(await button.isVisible())) await block.locator('.opblock-summary-control').click();
  if (input) await block.locator('textarea.body-param__text').fill(JSON.stringify(input));
  const answered = page.waitForResponse((response) => response.url().includes(`/trpc/${id}`));
  await button.click();
  return (await answered).status();
}

/** `Authorize` says by its lock whether the page sends a token. */
function lockOf(page: Page, state: 'locked' | 'unlocked'): Locator {
  return page.locator(`.auth-wrapper .btn.authorize.${state}`);
}

test('signing in on the page authorizes it, and signing out clears it', async () => {
  const { email } = (await t.signInAs({ email: 'ada@page.example' })).user;
  const page = await openPage();
  await lockOf(page, 'unlocked').waitFor();
  expect(await execute(page, 'user.me')).toBe(401);
  expect(await execute(page, 'auth.login', { email, password: testPassword })).toBe(200);
  await lockOf(page, 'locked').waitFor();
  await page.getByText(`Signed in as ${email}.`).waitFor();
  expect(await execute(page, 'user.me')).toBe(200);
  await operation(page, 'user.me').locator('.live-responses-table').getByText(email).waitFor();
  expect(await execute(page, 'auth.logout', {})).toBe(200);
  await lockOf(page, 'unlocked').waitFor();
  expect(await execute(page, 'user.me')).toBe(401);
});

test('a mutation without input is sent as the server takes it', async () => {
  const { email } = (await t.signInAs({ email: 'eva@page.example' })).user;
  const page = await openPage();
  expect(await execute(page, 'auth.login', { email, password: testPassword })).toBe(200);
  expect(await execute(page, 'session.revokeOthers')).toBe(200);
  expect(await execute(page, 'session.revokeAll')).toBe(200);
  await lockOf(page, 'unlocked').waitFor();
});

test('a query takes its input from the page', async () => {
  const { email } = (await t.signInAs({ role: 'admin', email: 'root@page.example' })).user;
  const page = await openPage();
  expect(await execute(page, 'auth.login', { email, password: testPassword })).toBe(200);
  expect(await execute(page, 'admin.listUsers')).toBe(200);
  expect(await operation(page, 'admin.listUsers').locator('.request-url').textContent()).toContain(
    'input=',
  );
});

test('a token that has expired tells what to do', async () => {
  const { email } = (await t.signInAs({ email: 'ida@page.example' })).user;
  const page = await openPage();
  expect(await execute(page, 'auth.login', { email, password: testPassword })).toBe(200);
  t.clock.advance(3_600);
  expect(await execute(page, 'user.me')).toBe(401);
  await page.getByText('The access token has expired: execute auth.login again.').waitFor();
});

test('no token stays in the storage of the browser', async () => {
  const { email } = (await t.signInAs({ email: 'una@page.example' })).user;
  const page = await openPage();
  await execute(page, 'auth.login', { email, password: testPassword });
  expect(
    await page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])'),
  ).toBe('[{},{},""]');
  await page.reload();
  await operation(page, 'auth.login').waitFor();
  await lockOf(page, 'unlocked').waitFor();
});

test('the form of OAuth2 authorizes the page, and a sign-in on it takes its place', async () => {
  const first = (await t.signInAs({ email: 'first@page.example' })).user;
  const second = (await t.signInAs({ email: 'second@page.example' })).user;
  const page = await openPage();
  await lockOf(page, 'unlocked').click();
  const form = page.locator('.auth-container', { hasText: 'oauth2' });
  await form.getByLabel('username:').fill(first.email);
  await form.getByLabel('password:').fill(testPassword);
  await form.getByRole('button', { name: 'Apply' }).click();
  await form.getByRole('button', { name: 'Remove authorization' }).waitFor();
  await page.locator('.close-modal').click();
  await lockOf(page, 'locked').waitFor();
  expect(await execute(page, 'user.me')).toBe(200);
  const answer = operation(page, 'user.me').locator('.live-responses-table');
  await answer.getByText(first.email).waitFor();
  const { email } = second;
  expect(await execute(page, 'auth.login', { email, password: testPassword })).toBe(200);
  expect(await execute(page, 'user.me')).toBe(200);
  await answer.getByText(email).waitFor();
  expect(await execute(page, 'auth.logout', {})).toBe(200);
  await lockOf(page, 'unlocked').waitFor();
  await page.getByText('Signed out.').waitFor();
});

test('the page is open to everybody: as it comes, with operations executed, and its dialog', async () => {
  const { email } = (await t.signInAs({ role: 'admin', email: 'eve@page.example' })).user;
  const page = await openPage();
  await page.emulateMedia({ reducedMotion: 'reduce' });
  expect(await findBarriers(page)).toEqual([]);
  await execute(page, 'auth.login', { email, password: testPassword });
  await execute(page, 'admin.listUsers');
  const form = operation(page, 'oauth/token', '');
  await form.locator('.opblock-summary-control').click();
  await form.getByRole('button', { name: 'Execute' }).waitFor();
  await operation(page, 'admin.listUsers').locator('.live-responses-table').waitFor();
  expect(await findBarriers(page)).toEqual([]);
  await lockOf(page, 'locked').click();
  await page.locator('.modal-ux').waitFor();
  expect(await findBarriers(page)).toEqual([]);
});
