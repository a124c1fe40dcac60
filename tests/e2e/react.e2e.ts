import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { testPassword } from '../../server/testing/index.ts';
import { launchBrowser } from './browser.ts';
import { startReactHost } from './react/host.ts';

const host = await startReactHost();
const browser = await launchBrowser();
const ada = 'ada@test.example';
const bob = 'bob@test.example';
for (const email of [ada, bob]) {
  await host.t.latchkey.createUser({ email, secret: { password: testPassword } });
}

beforeEach(() => {
  host.seen.calls.length = 0;
  host.seen.notes.length = 0;
});
afterEach(() => browser.assertNoFaults());
afterAll(async () => {
  await browser.close();
  await host[Symbol.asyncDispose]();
});

/** Notes what the page shows after every change, which is at least what is painted. */
const recorder = `
  window.shown = [];
  new MutationObserver(() => {
    const text = document.getElementById('root')?.textContent;
    if (text && text !== window.shown.at(-1)) window.shown.push(text);
  }).observe(document, { childList: true, characterData: true, subtree: true });
`;

async function open(context: BrowserContext, path: string): Promise<Page> {
  const page = await context.newPage();
  await page.addInitScript({ content: recorder });
  await page.goto(`${host.url}${path}`);
  await expect.poll(() => page.evaluate("'client' in window")).toBe(true);
  return page;
}

function readShown(page: Page): Promise<string[]> {
  return page.evaluate<string[]>('window.shown');
}

async function signIn(page: Page, email: string): Promise<void> {
  const input = JSON.stringify({ email, password: testPassword });
  await page.evaluate(`client.signIn(${input}).then(() => undefined)`);
}

async function waitForItems(page: Page, email: string): Promise<void> {
  await page.getByText(`20 of ${email}`, { exact: true }).waitFor();
  const items = await page.getByRole('listitem').allTextContents();
  expect(items).toEqual(Array.from({ length: 20 }, (_, index) => `${index + 1} of ${email}`));
}

function countRefreshes(): number {
  return host.seen.calls.filter((path) => path === 'auth.refresh').length;
}

test.each(['bearer', 'cookie'])(
  'twenty queries at once with an expired token make one refresh, and none is lost (%s)',
  async (mode) => {
    const context = await browser.newContext();
    const page = await open(context, `/?mode=${mode}`);
    await signIn(page, ada);
    await waitForItems(page, ada);
    expect(countRefreshes()).toBe(mode === 'cookie' ? 1 : 0); // Asked who is there.

    // On a page that is loaded again no access token is left.
    host.seen.calls.length = 0;
    await page.reload();
    await waitForItems(page, ada);
    expect(countRefreshes()).toBe(1);

    // The server refuses all twenty as expired, which this page cannot know.
    host.seen.calls.length = 0;
    host.t.clock.advance(3_600);
    await page.evaluate('queryClient.resetQueries()');
    await waitForItems(page, ada);
    expect(countRefreshes()).toBe(1);
    expect(host.seen.calls.filter((path) => path === 'item')).toHaveLength(40);
    await context.close();
  },
);

test('nobody is shown before it is known who is there, and a user at once', async () => {
  const context = await browser.newContext();
  const first = await open(context, '/');
  await first.getByText('Nobody is signed in.').waitFor();
  await signIn(first, ada);
  await waitForItems(first, ada);
  await first.reload();
  await waitForItems(first, ada);
  // From localStorage, in the very first rendering.
  const [atFirst, ...later] = await readShown(first);
  expect(atFirst).toContain(`Session: signed-in ${ada}`);
  expect(later.join()).not.toContain('Nobody');
  await context.close();
});

test('in cookie mode nothing is shown until the first refresh, then the user', async () => {
  const context = await browser.newContext();
  const page = await open(context, '/?mode=cookie');
  await page.getByText('Nobody is signed in.').waitFor();
  await signIn(page, ada);
  await waitForItems(page, ada);
  await page.reload();
  await waitForItems(page, ada);
  const shown = await readShown(page);
  expect(shown[0]).toContain('Session: loading');
  expect(shown.join()).not.toMatch(/Nobody|signed-out/);
  await context.close();
});

test('a page that the server renders is signed in from its HTML on, and stays as it is', async () => {
  const context = await browser.newContext();
  const page = await open(context, '/?mode=cookie');
  await signIn(page, ada);
  await waitForItems(page, ada);
  host.seen.calls.length = 0;

  const response = await page.goto(`${host.url}/rendered`);
  const html = (await response?.text()) ?? '';
  expect(html).toContain(ada);
  expect(html).toContain(`<li>1 of ${ada}</li>`);
  await waitForItems(page, ada);
  const shown = await readShown(page);
  expect(shown.join()).not.toMatch(/Nobody|signed-out|loading/);
  for (const text of shown) expect(text).toContain(`1 of ${ada}`);
  // What came with the page is not asked for again, and reading the cookie has not spent it.
  expect(host.seen.calls.filter((path) => path === 'item')).toHaveLength(19);
  expect(countRefreshes()).toBe(1);
  await context.close();
});

test('the server renders for nobody what nobody sees, and no refresh is tried', async () => {
  const context = await browser.newContext();
  const page = await open(context, '/rendered');
  await page.getByText('Hello, whoever').waitFor();
  expect(await page.content()).toContain('Nobody is signed in.');
  expect(countRefreshes()).toBe(0);
  await context.close();
});

test('a link of another site leads to a page that finds out by itself who is there', async () => {
  const context = await browser.newContext();
  const page = await open(context, '/?mode=cookie');
  await signIn(page, ada);
  await waitForItems(page, ada);
  // By its address the same server is another site, and the cookie is not sent.
  await page.goto(`${host.url.replace('localhost', '127.0.0.1')}/?mode=bearer`);
  await page.evaluate(`location.href = '${host.url}/rendered'`);
  await waitForItems(page, ada);
  expect((await readShown(page)).join()).not.toMatch(/Nobody|signed-out/);
  await context.close();
});

test('what was fetched for one user is never shown to the next one, nor what comes late', async () => {
  const context = await browser.newContext();
  const page = await open(context, '/');
  await signIn(page, ada);
  await waitForItems(page, ada);
  await page.getByRole('button', { name: 'Note:' }).click();
  await page.getByText(`Note: success a note by ${ada}`).waitFor();
  await page.getByRole('button', { name: 'Late:' }).click();
  await page.getByText(`Late: late of ${ada}`).waitFor();
  const release = host.holdLate();
  await page.getByRole('button', { name: 'Late:' }).click();
  await expect.poll(() => host.seen.calls.filter((path) => path === 'late').length).toBe(2);
  await page.evaluate('window.shown.length = 0');

  await signIn(page, bob); // In place of her.
  await waitForItems(page, bob);
  release();
  await page.getByRole('button', { name: 'Late:' }).click();
  await page.getByText(`Late: late of ${bob}`).waitFor();

  const shown = await readShown(page);
  expect(shown.length).toBeGreaterThan(1);
  for (const text of shown) expect(text.includes(ada) && text.includes(bob)).toBe(false);
  const cached = await page.evaluate<string>(
    'JSON.stringify([queryClient.getQueryCache(), queryClient.getMutationCache()].flatMap((cache) => cache.getAll().map(({ state }) => state)))',
  );
  expect(cached).toContain(bob);
  expect(cached).not.toContain(ada);
  await context.close();
});

test('what one user wanted changed is not changed in the name of the next one', async () => {
  const context = await browser.newContext();
  const page = await open(context, '/');
  await signIn(page, ada);
  await waitForItems(page, ada);
  const failed = Promise.withResolvers<void>();
  await page.route('**/trpc/note*', async (route) => {
    await route.fulfill({ status: 502, body: 'Bad gateway' });
    failed.resolve();
  });
  await page.getByRole('button', { name: 'Note:' }).click();
  await failed.promise; // To be tried again in a moment.
  await signIn(page, bob);
  await page.unroute('**/trpc/note*');
  await expect.poll(() => page.evaluate('window.isNoteSettled'), { timeout: 10_000 }).toBe(true);
  expect(host.seen.notes).toEqual([]);
  await context.close();
});

test('signing out in one tab signs the others out, and takes along what they had', async () => {
  const context = await browser.newContext();
  const tabs = [await open(context, '/'), await open(context, '/')] as const;
  await signIn(tabs[0], ada);
  await Promise.all(tabs.map((tab) => waitForItems(tab, ada)));
  await tabs[0].getByRole('button', { name: 'Sign out' }).click();
  for (const tab of tabs) {
    await tab.getByText('Nobody is signed in.').waitFor();
    expect(await tab.textContent('#root')).not.toContain(ada);
    expect((await readShown(tab)).at(-1)).toContain('Session: signed-out');
    const cached = await tab.evaluate<string>(
      'JSON.stringify(queryClient.getQueryCache().getAll())',
    );
    expect(cached).not.toContain(ada);
  }
  // Nothing was asked for in the name of somebody who is gone.
  const last = host.seen.calls.indexOf('auth.logout');
  expect(host.seen.calls.slice(last + 1).filter((path) => path !== 'greeting')).toEqual([]);
  await context.close();
});

test('signing in keeps the page and has fetched anew what nobody saw', async () => {
  const context = await browser.newContext();
  const page = await open(context, '/');
  await page.getByText('Hello, whoever').waitFor();
  await page.getByLabel('Draft').fill('half a sentence');
  await signIn(page, ada);
  await page.getByText('Hello, somebody').waitFor();
  expect(await page.getByLabel('Draft').inputValue()).toBe('half a sentence');
  await context.close();
});

test('a role that is given while signed in is seen with the next refresh', async () => {
  const context = await browser.newContext();
  const page = await open(context, '/');
  await signIn(page, bob);
  await page.getByText('Not for you.').waitFor();
  const admin = await host.t.callerAs({ role: 'admin', email: 'root@test.example' });
  const [found] = (await admin.admin.listUsers({ search: bob })).users;
  await admin.admin.setRole({ userId: found!.id, role: 'admin' });
  await page.evaluate('client.refresh().then(() => undefined)');
  await page.getByText('for admins').waitFor();
  expect(await page.textContent('#root')).not.toContain('Not for you.');
  await context.close();
});
