import type { BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, expect, test } from 'vitest';
import { startServer } from '../../server/http/server.ts';
import { createTestLatchkey, testPassword } from '../../server/testing/index.ts';
import { createApi } from '../contract/api.ts';
import { findBarriers } from './barriers.ts';
import { launchBrowser } from './browser.ts';
import { serveKit } from './serve.ts';

const { t, url, close } = await serveKit({ console: '/' });
const api = createApi(url);
const browser = await launchBrowser();

const contexts: BrowserContext[] = [];

afterEach(async () => {
  // A page that is left open goes on asking.
  for (const context of contexts.splice(0)) await context.close();
  browser.assertNoFaults();
});
afterAll(async () => {
  await browser.close();
  await close();
});

const desk = { width: 1280, height: 900 };
const phone = { width: 360, height: 740 };
let made = 0;

/** Makes a user. */
async function createUser(role: 'user' | 'admin' = 'user'): Promise<string> {
  made += 1;
  const { user } = await t.signInAs({ role, email: `${role}-${made}@console.example` });
  return user.email;
}

async function open(
  path = '/',
  options: BrowserContextOptions = {},
): Promise<{ readonly page: Page; readonly context: BrowserContext }> {
  const context = await browser.newContext({ viewport: desk, locale: 'en-GB', ...options });
  contexts.push(context);
  const page = await context.newPage();
  await page.goto(`${url}/#${path}`);
  return { page, context };
}

async function signIn(page: Page, email: string, password = testPassword): Promise<void> {
  await page.getByLabel('E-mail or username').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** A browser profile of its own, signed in. */
async function openAs(
  email: string,
  path = '/',
  options: BrowserContextOptions = {},
): Promise<{ readonly page: Page; readonly context: BrowserContext }> {
  const opened = await open(path, options);
  await signIn(opened.page, email);
  await opened.page
    .getByRole('button', { name: /^(Sign out|Open the menu)$/ })
    .first()
    .waitFor();
  return opened;
}

function heading(page: Page, name: string | RegExp) {
  return page.getByRole('heading', { level: 1, name });
}

/** It is there, or comes within what a test has of time. */
async function expectShown(element: Locator): Promise<void> {
  await element.waitFor();
}

/** So many are there, or come to be. */
async function expectCount(elements: Locator, count: number): Promise<void> {
  await expect.poll(() => elements.count(), { timeout: 20_000 }).toBe(count);
}

/** Until nothing is in its place for something that is still to come. */
async function settle(page: Page): Promise<void> {
  await page.locator('h1').waitFor();
  await page.getByText('Loading', { exact: true }).first().waitFor({ state: 'detached' });
  await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' });
}

/** How many pixels there are to the right of the window. */
function overflowOf(page: Page): Promise<number> {
  return page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
}

test('somebody signs up, fills in a profile, changes the password and signs in with it', async () => {
  const { page } = await open();
  await page.getByRole('link', { name: 'Sign up' }).click();
  await expectShown(heading(page, 'Create an account'));
  await page.getByLabel('E-mail', { exact: true }).fill('ada@console.example');
  const password = page.getByLabel('Password', { exact: true });
  await password.fill('short');
  await expectShown(page.getByText('7 more characters are needed.').first());
  await password.fill('correct horse battery');
  await expectShown(page.getByRole('meter', { name: 'Strength' }));
  expect(await page.getByRole('meter').getAttribute('aria-valuetext')).toMatch(/strong/i);
  await page.getByRole('button', { name: 'Sign up' }).click();

  await expectShown(heading(page, 'Profile'));
  expect(await page.getByRole('link', { name: 'Users' }).count()).toBe(0);
  await page.getByLabel('Name', { exact: false }).first().fill('Ada Lovelace');
  await page.getByLabel('Username').fill('ada');
  await page.getByRole('button', { name: 'Save' }).click();
  await expectShown(page.getByText('Your profile is saved.').first());

  await page.getByRole('link', { name: 'Password' }).click();
  await page.getByLabel('Current password').fill('correct horse battery');
  await page.getByLabel('New password').fill('staple gun orchestra');
  await page.getByRole('button', { name: 'Change the password' }).click();
  await expectShown(page.getByText('Your password is changed.').first());

  await page.getByRole('button', { name: 'Sign out' }).click();
  await expectShown(heading(page, 'Sign in'));
  await signIn(page, 'ada', 'staple gun orchestra');
  await expectShown(heading(page, 'Password'));
});

test('a refusal stands at the field that it is about', async () => {
  const email = await createUser();
  const { page } = await open();
  await signIn(page, email, 'not the password');
  const password = page.getByLabel('Password', { exact: true });
  await expectShown(page.getByText('These details are not right.'));
  expect(await password.getAttribute('aria-invalid')).toBe('true');
  const describedBy = await password.getAttribute('aria-describedby');
  expect(await page.locator(`[id="${describedBy?.split(' ').at(-1)}"]`).textContent()).toContain(
    'These details are not right.',
  );

  await page.getByRole('link', { name: 'Sign up' }).click();
  await expectShown(heading(page, 'Create an account'));
  await page.getByLabel('E-mail', { exact: true }).fill(email);
  await password.fill('correct horse battery');
  await page.getByRole('button', { name: 'Sign up' }).click();
  await expectShown(page.getByText('There is an account with this address already.'));
  expect(await page.getByLabel('E-mail', { exact: true }).getAttribute('aria-invalid')).toBe(
    'true',
  );

  await page.getByLabel('E-mail', { exact: true }).fill('grace@console.example');
  await password.fill('password2026!!');
  await page.getByRole('button', { name: 'Sign up' }).click();
  await expectShown(page.getByText('is one that many people use'));
});

test('what is wrong is said once, in place of a hint that says the same', async () => {
  const { page } = await openAs(await createUser(), '/profile');
  const hint = page.getByText('beginning with a letter or digit.');
  await expectCount(hint, 1);
  await page.getByLabel('Username').fill('not one!');
  await page.getByRole('button', { name: 'Save' }).click();
  await expectShown(page.locator('[aria-invalid=true]'));
  await expectCount(hint, 1);
});

test('the keyboard alone signs somebody in, and the focus goes where the page begins', async () => {
  const email = await createUser('admin');
  const { page } = await open();
  await expectShown(heading(page, 'Sign in'));
  await page.keyboard.press('Tab');
  await page.keyboard.type(email);
  await page.keyboard.press('Tab');
  await page.keyboard.type(testPassword);
  await page.keyboard.press('Enter');
  await expectShown(heading(page, 'Overview'));
  const focused = page.locator(':focus');
  await page.waitForFunction("document.activeElement?.tagName === 'H1'");
  expect(await focused.textContent()).toBe('Overview');
  expect(await page.title()).toBe('Overview · Latchkey');

  const skip = page.getByRole('link', { name: 'Skip to content' });
  await skip.focus();
  await page.keyboard.press('Enter');
  expect(await focused.getAttribute('id')).toBe('main');
});

const adminPages = [
  ['/overview', 'Overview'],
  ['/users', 'Users'],
  ['/users?search=nobody-at-all', 'Users'],
  ['/audit', 'Audit log'],
  ['/keys', 'Signing keys'],
  ['/profile', 'Profile'],
  ['/sessions', 'Sessions'],
  ['/password', 'Password'],
  ['/nowhere', 'There is nothing here'],
] as const;

test.each([
  ['light', desk],
  ['dark', desk],
  ['light', phone],
  ['dark', phone],
] as const)('every page is open to everybody: %s, %j', async (colorScheme, viewport) => {
  const email = await createUser('admin');
  // What is half faded in has half of its contrast.
  const options = { colorScheme, viewport, reducedMotion: 'reduce' } as const;
  const { page } = await open('/sign-up', options);
  const found: string[] = [];
  async function look(name: string): Promise<void> {
    await settle(page);
    found.push(...(await findBarriers(page)).map((barrier) => `${name}: ${barrier}`));
    const overflow = await overflowOf(page);
    if (overflow > 0) found.push(`${name}: ${overflow} pixels do not fit`);
  }

  await page.getByRole('button', { name: 'Sign up' }).click();
  await look('sign up');
  await page.goto(`${url}/#/`);
  await expectShown(heading(page, 'Sign in'));
  await look('sign in');
  await signIn(page, email);
  for (const [path, title] of adminPages) {
    await page.goto(`${url}/#${path}`);
    await expectShown(heading(page, title));
    await look(path);
  }
  await page.goto(`${url}/#/users?search=${email}`);
  await page.getByRole('link', { name: email }).click();
  await expectShown(heading(page, email));
  await look('a user');
  await page.getByRole('button', { name: 'Disable' }).click();
  await expectShown(page.getByRole('alertdialog'));
  await look('a dialog');
  await page.keyboard.press('Escape');
  await page.getByRole('alertdialog').waitFor({ state: 'detached' });
  if (viewport === phone) {
    await page.getByRole('button', { name: 'Open the menu' }).click();
    await expectShown(page.getByRole('dialog'));
    await look('the menu');
  }
  expect(found).toEqual([]);
});

test('no token is where a script can read it, and the cookie is for the server alone', async () => {
  const { page, context } = await openAs(await createUser());
  expect(
    await page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])'),
  ).toBe('[{},{},""]');
  const [cookie, ...others] = await context.cookies();
  expect(others).toEqual([]);
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/' });
});

test('a reload shows the same page, and the sign-in page at no time', async () => {
  const { page, context } = await openAs(await createUser(), '/sessions');
  await expectShown(heading(page, 'Sessions'));
  await context.exposeFunction('noteHeading', (text: string) => seen.push(text));
  const seen: string[] = [];
  await context.addInitScript({
    content: `new MutationObserver(() => {
      const text = document.querySelector('h1')?.textContent;
      if (text) noteHeading(text);
    }).observe(document, { childList: true, subtree: true });`,
  });
  await page.reload();
  await expectShown(page.getByText('This device'));
  expect([...new Set(seen)]).toEqual(['Sessions']);
});

test('links lead to a page, and the back button to the one before', async () => {
  const email = await createUser('admin');
  const { page } = await openAs(email, `/users?search=${email}`);
  await expectShown(heading(page, 'Users'));
  await page.getByRole('link', { name: email }).click();
  await expectShown(heading(page, email));
  await page.goBack();
  await expectShown(heading(page, 'Users'));
  expect(await page.getByRole('searchbox').inputValue()).toBe(email);
});

test('a chosen theme is there again after a reload, before anything is painted', async () => {
  const { page } = await open('/', { colorScheme: 'light' });
  await page.getByRole('button', { name: 'Dark' }).click();
  const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
  const dark = await background();
  await page.reload();
  await expectShown(heading(page, 'Sign in'));
  expect(await background()).toBe(dark);
  await page.getByRole('button', { name: 'Same as the system' }).click();
  expect(await background()).not.toBe(dark);
});

test('users are searched, filtered and paged, and the address keeps it', async () => {
  for (let count = 0; count < 27; count += 1) {
    await t.latchkey.createUser({
      email: `paged-${count}@console.example`,
      secret: { password: testPassword },
    });
  }
  const { page } = await openAs(await createUser('admin'), '/users?search=paged-');
  const rows = page.locator('tbody tr');
  await expectShown(page.getByText('paged-26@'));
  expect(await rows.count()).toBe(25);
  await page.getByRole('link', { name: 'Next page' }).click();
  await expectShown(page.getByText('paged-0@'));
  expect(await rows.count()).toBe(2);
  await page.reload();
  await expectShown(page.getByText('paged-0@'));
  await page.getByRole('link', { name: 'First page' }).click();
  await expectShown(page.getByText('paged-26@'));

  await page.getByRole('searchbox').fill('paged-13@');
  await page.getByText('paged-26@').waitFor({ state: 'detached' });
  expect(await rows.count()).toBe(1);
  await page.getByLabel('Role').selectOption('admin');
  await expectShown(page.getByText('No users found'));
  await page.getByRole('link', { name: 'Clear the filters' }).click();
  await expectShown(rows.first());
  expect(await page.getByRole('searchbox').inputValue()).toBe('');
});

test('a role that is changed counts from the next call of whoever is signed in', async () => {
  const email = await createUser();
  const other = await openAs(email, '/profile');
  expect(await other.page.getByRole('link', { name: 'Users' }).count()).toBe(0);

  const { page } = await openAs(await createUser('admin'), `/users?search=${email}`);
  await page.getByRole('link', { name: email }).click();
  await page.getByLabel('Role').selectOption('admin');
  const dialog = page.getByRole('alertdialog');
  await expectShown(dialog.getByText(`Give ${email} the role admin?`));
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'detached' });
  expect(await page.getByLabel('Role').inputValue()).toBe('user');
  await page.getByLabel('Role').selectOption('admin');
  await dialog.getByRole('button', { name: 'Give the role' }).click();
  await expectShown(page.getByText(`${email} has the role admin now.`).first());

  await other.page.getByRole('link', { name: 'Sessions' }).click();
  await other.page.getByRole('link', { name: 'Users' }).click();
  await expectShown(heading(other.page, 'Users'));
});

test('an admin is warned before giving up the own role', async () => {
  const email = await createUser('admin');
  const { page } = await openAs(email, `/users?search=${email}`);
  await page.getByRole('link', { name: email }).click();
  await page.getByLabel('Role').selectOption('user');
  const dialog = page.getByRole('alertdialog');
  await expectShown(dialog.getByText('This is your own account'));
  await dialog.getByRole('button', { name: 'Give the role' }).click();
  await expectShown(heading(page, 'For administrators'));
});

test('a user who is disabled is out at the next call, and in again once enabled', async () => {
  const email = await createUser();
  const other = await openAs(email, '/profile');
  const { page } = await openAs(await createUser('admin'), `/users?search=${email}`);
  await page.getByRole('link', { name: email }).click();
  await page.getByRole('button', { name: 'Disable' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Disable' }).click();
  await expectShown(page.getByText(`${email} is disabled.`).first());
  await expectShown(page.getByText('No sessions'));

  await other.page.getByRole('link', { name: 'Sessions' }).click();
  await expectShown(other.page.getByText('Your session has ended. Sign in again.'));
  await signIn(other.page, email);
  await expectShown(other.page.getByText('These details are not right.'));

  await page.getByRole('button', { name: 'Enable' }).click();
  await expectShown(page.getByText(`${email} can sign in again.`).first());
  await other.page.getByRole('button', { name: 'Sign in' }).click();
  await expectShown(heading(other.page, 'Sessions'));
});

test('a session is ended from another browser', async () => {
  const email = await createUser();
  const { page } = await openAs(email, '/sessions');
  const other = await openAs(email, '/profile', { userAgent: 'Rover/1.0' });
  await page.reload();
  await page.getByRole('button', { name: 'Sign out Rover' }).click();
  await expectShown(page.getByText('That session has ended.').first());
  await page.getByRole('button', { name: 'Sign out Rover' }).waitFor({ state: 'detached' });
  await other.page.getByRole('link', { name: 'Sessions' }).click();
  await expectShown(other.page.getByText('Your session has ended. Sign in again.'));
  await page.reload();
  await expectShown(page.getByText('This device'));
});

test('signing out everywhere else leaves this session alone, everywhere not', async () => {
  const email = await createUser();
  const { page, context } = await openAs(email, '/sessions');
  await page.getByRole('button', { name: 'Sign out everywhere else' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Sign out' }).click();
  await expectShown(page.getByText('1 other session has ended.').first());
  await page.getByRole('button', { name: 'Sign out everywhere', exact: true }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Sign out' }).click();
  await expectShown(heading(page, 'Sign in'));
  expect(await context.cookies()).toEqual([]);
});

test('signing out in one tab shows in the other', async () => {
  const { page, context } = await openAs(await createUser());
  const second = await context.newPage();
  await second.goto(`${url}/#/sessions`);
  await expectShown(heading(second, 'Sessions'));
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expectShown(heading(second, 'Sign in'));
});

test('keys are rotated after a question, and nobody is signed out', async () => {
  const email = await createUser('admin');
  const { page } = await openAs(email, '/keys');
  const active = page.locator('tr', { hasText: 'Active' }).locator('code');
  const before = await active.textContent();
  await page.getByRole('button', { name: 'Rotate keys' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('alertdialog').waitFor({ state: 'detached' });
  expect(await active.textContent()).toBe(before);
  await page.getByRole('button', { name: 'Rotate keys' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Rotate keys' }).click();
  await expectShown(page.getByText('The keys are rotated.').first());
  await expectShown(page.locator('tr', { hasText: 'Retired' }).getByText(before ?? ''));
  await page.getByRole('link', { name: 'Audit log' }).click();
  const rotated = page.locator('tbody tr', { hasText: 'Keys rotated' }).first();
  await expectShown(rotated.getByText(`by ${email}`));
});

test('the audit log is filtered by event and user', async () => {
  const email = await createUser();
  await api.mutate('auth.login', { input: { email, password: 'not the password' } });
  const { page } = await openAs(await createUser('admin'), '/audit');
  await page.getByLabel('Event').selectOption('sign_in.failed');
  const failed = page.locator('tbody tr', { hasText: email });
  await expectShown(failed.getByText('Sign-in failed'));
  await expectCount(page.locator('tbody tr').filter({ hasNotText: 'Sign-in failed' }), 0);
  const { user } = await t.signInAs({ email });
  await page.getByRole('searchbox').fill(user.id);
  await page.waitForURL(/user=/);
  await expectCount(page.locator('tbody tr'), 1);
});

test('the figures renew themselves', async () => {
  const email = await createUser();
  // Figures are kept for some seconds, by the clock of the server.
  t.clock.advance(60);
  const { page } = await openAs(await createUser('admin'), '/overview');
  const tile = page.locator('dl > div', { hasText: 'Sign-ins' }).locator('dd').first();
  const before = Number(await tile.textContent());
  await api.mutate('auth.login', { input: { email, password: testPassword } });
  t.clock.advance(60);
  await expectShown(tile.getByText(String(before + 1), { exact: true }));
  await page.getByText('Show as a table').first().click();
  expect(await page.getByRole('region', { name: 'Sign-ins' }).locator('tbody tr').count()).toBe(48);
});

test('a page that cannot be loaded says so, and can be tried again', async () => {
  const { page, context } = await openAs(await createUser('admin'), '/profile');
  await context.route('**/trpc/admin.listKeys**', (route) =>
    route.fulfill({
      status: 400,
      json: {
        error: { message: '', code: -32_600, data: { reason: 'not_found', httpStatus: 404 } },
      },
    }),
  );
  await page.getByRole('link', { name: 'Signing keys' }).click();
  await expectShown(page.getByText('This could not be loaded'));
  await context.unroute('**/trpc/admin.listKeys**');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expectShown(page.locator('tbody tr').first());
});

test('an account is deleted with its password, and not without', async () => {
  const email = await createUser();
  const { page } = await openAs(email, '/profile');
  await page.getByRole('button', { name: 'Delete the account' }).click();
  const dialog = page.getByRole('alertdialog');
  await dialog.getByLabel('Your password').fill('not the password');
  await dialog.getByRole('button', { name: 'Delete the account' }).click();
  await expectShown(dialog.getByText('This is not your password.'));
  await dialog.getByLabel('Your password').fill(testPassword);
  await dialog.getByRole('button', { name: 'Delete the account' }).click();
  await expectShown(heading(page, 'Sign in'));
  await signIn(page, email);
  await expectShown(page.getByText('These details are not right.'));
});

test('who is no administrator is told so at an administrators’ page', async () => {
  const { page } = await openAs(await createUser(), '/users');
  await expectShown(heading(page, 'For administrators'));
  await page.getByRole('link', { name: 'Go to the start' }).click();
  await expectShown(heading(page, 'Profile'));
});

test('the other name of this machine works as well', async () => {
  const email = await createUser();
  const { page } = await open();
  await page.goto(url.replace('localhost', '127.0.0.1'));
  await signIn(page, email);
  await expectShown(heading(page, 'Profile'));
  await page.reload();
  await expectShown(heading(page, 'Profile'));
});

test('an address from which signing in is not allowed leads to the one from which it is', async () => {
  const elsewhere = await createTestLatchkey({ url: 'https://auth.example.com' });
  await using _closed = elsewhere;
  const running = await startServer(elsewhere.latchkey.nodeHandler({ console: '/' }), {
    host: '127.0.0.1',
    port: 0,
  });
  const { page } = await open();
  await page.goto(running.address);
  await expectShown(page.getByText('Signing in is not allowed from this address.'));
  await expectShown(page.getByRole('link', { name: 'https://auth.example.com' }));
  await running.stop();
});

test('the meter of a password moves nothing when it comes', async () => {
  const { page } = await open('/sign-up');
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await page.route('**/estimate-*', async (route) => {
    await released;
    await route.continue();
  });
  await page.getByLabel('Password', { exact: true }).fill(testPassword);
  const submit = page.getByRole('button', { name: 'Sign up' });
  const before = await submit.boundingBox();
  expect(await page.getByRole('meter').count()).toBe(0);
  release();
  await page.getByRole('meter').waitFor();
  expect(await submit.boundingBox()).toEqual(before);
});

test('the first page is there after 150 kB, and the meter is not among them', async () => {
  const { page } = await open();
  await expectShown(heading(page, 'Sign in'));
  const sent = await page.evaluate<[name: string, bytes: number][]>(
    `performance.getEntriesByType('resource').map((entry) => [entry.name, entry.encodedBodySize])`,
  );
  const bytes = sent.reduce((sum, [, size]) => sum + size, 0);
  expect(bytes).toBeGreaterThan(50_000);
  expect(bytes).toBeLessThan(150_000);
  expect(sent.map(([name]) => name).join()).not.toMatch(/estimate|overview|users/);
});
