import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { testPassword } from '../../server/testing/index.ts';
import { launchBrowser } from './browser.ts';
import { follow, openConsole, signIn, signUp } from './console.ts';
import { startReactHost } from './react/host.ts';
import { serveKit } from './serve.ts';

const browser = await launchBrowser();

afterEach(() => browser.assertNoFaults());
afterAll(() => browser.close());

/** Holds the calls of a path until each of the tabs has made one, so that they come together. */
async function gather(context: BrowserContext, path: string): Promise<void> {
  const missing = new Set(context.pages());
  const { promise, resolve } = Promise.withResolvers<void>();
  await context.route(`**/trpc/${path}*`, async (route) => {
    missing.delete(route.request().frame().page());
    if (missing.size === 0) resolve();
    await promise;
    await route.continue();
  });
}

/** Notes the calls that its tabs make. */
function noteCalls(context: BrowserContext): string[] {
  const calls: string[] = [];
  context.on('request', (request) => {
    const [, paths = ''] = /\/trpc\/([^?]+)/.exec(request.url()) ?? [];
    calls.push(...paths.split(',').filter((path) => path !== ''));
  });
  return calls;
}

function count(calls: readonly string[], path: string): number {
  return calls.filter((call) => call === path).length;
}

/**
 * One for both tabs; or one each, when the second has its turn before the news of the first reach
 * it, which the browser does not order.
 */
function expectFewRefreshes(calls: readonly string[]): void {
  expect(count(calls, 'auth.refresh')).toBeOneOf([1, 2]);
}

describe('the console, by a cookie', async () => {
  const { t, url, close } = await serveKit({ console: '/' });
  afterAll(close);

  /** In a browser profile of its own. */
  async function openAs(email: string, path = '/profile'): Promise<Page> {
    const page = await openConsole(await browser.newContext(), url, path);
    await signIn(page, { email, password: testPassword });
    return page;
  }

  async function createUser(email: string, role: 'user' | 'admin' = 'user'): Promise<string> {
    const { user } = await t.signInAs({ email, role });
    return user.id;
  }

  test('two tabs with an expired token refresh in turn, and both go on', async () => {
    const context = await browser.newContext();
    const first = await openConsole(context, url);
    await signUp(first, { email: 'ada@cookie.example', password: testPassword });
    const second = await openConsole(context, url, '/profile');
    await second.getByText('ada@cookie.example').first().waitFor();

    const calls = noteCalls(context);
    t.clock.advance(3_600);
    await gather(context, 'session.list');
    await Promise.all([follow(first, 'Sessions'), follow(second, 'Sessions')]);
    for (const tab of [first, second]) await tab.getByText('This device').waitFor();
    expect(count(calls, 'session.list')).toBe(4); // Each tab once refused, once answered.
    expectFewRefreshes(calls);
    await context.close();
  });

  test('no token is in any storage, in the history or in an address', async () => {
    const context = await browser.newContext();
    const page = await openConsole(context, url);
    const answer = page.waitForResponse('**/trpc/auth.register');
    await signUp(page, { email: 'una@cookie.example', password: testPassword });
    const { result } = (await (await answer).json()) as {
      result: { data: { accessToken: string; refreshToken: string | null } };
    };
    expect(result.data.refreshToken).toBeNull();
    const addresses: string[] = [];
    context.on('request', (request) => addresses.push(request.url()));
    await follow(page, 'Sessions');
    await page.reload();
    await page.getByText('This device').waitFor();

    const { cookies, origins } = await context.storageState({ indexedDB: true });
    expect(origins).toEqual([]);
    expect(cookies).toMatchObject([{ httpOnly: true, sameSite: 'Strict' }]);
    const readable = await page.evaluate<string>(
      `(async () => JSON.stringify([
        Object.entries(localStorage), Object.entries(sessionStorage), document.cookie,
        history.state, name, location.href, await caches.keys(), await indexedDB.databases(),
      ]))()`,
    );
    for (const token of [cookies[0]?.value ?? '', result.data.accessToken]) {
      expect(token).not.toBe('');
      expect(readable).not.toContain(token);
      expect(addresses.join()).not.toContain(token);
    }
    await context.close();
  });

  test('an admin who is made a user loses the admins’ pages at the next call, and nothing else', async () => {
    const id = await createUser('max@cookie.example', 'admin');
    const page = await openAs('max@cookie.example', '/users');
    await page.getByRole('heading', { level: 1, name: 'Users' }).waitFor();
    const calls = noteCalls(page.context());
    const admin = await t.callerAs({ role: 'admin', email: 'root@cookie.example' });
    await admin.admin.setRole({ userId: id, role: 'user' });

    await page.getByRole('link', { name: 'Signing keys' }).click();
    await page.getByRole('heading', { level: 1, name: 'For administrators' }).waitFor();
    await page.getByRole('link', { name: 'Users' }).waitFor({ state: 'detached' });
    await follow(page, 'Sessions');
    await page.getByText('This device').waitFor();
    expect(count(calls, 'auth.refresh')).toBe(1);
    await page.context().close();
  });

  test('a password that is changed in one browser ends the session in the other', async () => {
    await createUser('pia@cookie.example');
    const [here, there] = [
      await openAs('pia@cookie.example', '/password'),
      await openAs('pia@cookie.example'),
    ];
    await here.getByLabel('Current password').fill(testPassword);
    await here.getByLabel('New password').fill('staple gun orchestra');
    await here.getByRole('button', { name: 'Change the password' }).click();
    await here.getByText('Your password is changed.').first().waitFor();

    await there.getByRole('link', { name: 'Sessions' }).click();
    await there.getByText('Your session has ended. Sign in again.').waitFor();
    await signIn(there, { email: 'pia@cookie.example', password: 'staple gun orchestra' });
    await follow(here, 'Sessions');
    await here.getByText('This device').waitFor();
    expect(await here.getByRole('listitem').filter({ hasText: 'Last seen' }).count()).toBe(2);
    await here.context().close();
    await there.context().close();
  });

  test('an old copy of a cookie ends the session, and whoever brings it is told', async () => {
    await createUser('eva@cookie.example');
    const page = await openAs('eva@cookie.example');
    const { cookies } = await page.context().storageState();
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Profile' }).waitFor();
    t.clock.advance(3_600); // The copy is no longer taken for an answer that was lost.

    const thief = await browser.newContext();
    await thief.addCookies(cookies);
    const copy = await openConsole(thief, url, '/profile');
    await copy.getByText('an old copy of it came back').waitFor();
    await page.getByRole('link', { name: 'Sessions' }).click();
    await page.getByText('Sign in again.').waitFor();
    for (const tab of [copy, page]) {
      expect(await tab.getByLabel('E-mail or username').count()).toBe(1);
    }
    await thief.close();
    await page.context().close();
  });
});

describe('a host’s page of React, by a token in localStorage', async () => {
  const { t, url, seen, [Symbol.asyncDispose]: close } = await startReactHost();
  afterAll(close);

  async function open(context: BrowserContext): Promise<Page> {
    const page = await context.newPage();
    await page.goto(url);
    await expect.poll(() => page.evaluate("'client' in window")).toBe(true);
    return page;
  }

  /** In a browser profile of its own. */
  async function openAs(email: string): Promise<Page> {
    await t.signInAs({ email });
    const page = await open(await browser.newContext());
    const input = JSON.stringify({ email, password: testPassword });
    await page.evaluate(`client.signIn(${input}).then(() => undefined)`);
    await page.getByText(`Session: signed-in ${email}`).waitFor();
    await page.getByText(`20 of ${email}`, { exact: true }).waitFor();
    return page;
  }

  async function askAgain(page: Page): Promise<void> {
    await page.evaluate('queryClient.resetQueries().then(() => undefined)');
  }

  async function idOf(email: string): Promise<string> {
    return (await t.signInAs({ email })).user.id;
  }

  test('two tabs with an expired token refresh in turn, and both go on', async () => {
    const email = 'ada@bearer.example';
    const first = await openAs(email);
    const context = first.context();
    const second = await open(context);
    await second.getByText(`20 of ${email}`, { exact: true }).waitFor();

    seen.calls.length = 0;
    t.clock.advance(3_600);
    await gather(context, '*item');
    await Promise.all([askAgain(first), askAgain(second)]);
    for (const tab of [first, second]) {
      await tab.getByText(`20 of ${email}`, { exact: true }).waitFor();
    }
    expectFewRefreshes(seen.calls);
    await context.close();
  });

  test('two browsers are two sessions: what ends in one goes on in the other', async () => {
    const [ada, bob] = [await openAs('ada@bearer.example'), await openAs('bob@bearer.example')];
    await ada.getByRole('button', { name: 'Sign out' }).click();
    await ada.getByText('Nobody is signed in.').waitFor();
    await bob.reload();
    await bob.getByText('20 of bob@bearer.example', { exact: true }).waitFor();
    expect(await ada.evaluate('localStorage.length')).toBe(0);
    await ada.context().close();
    await bob.context().close();
  });

  test('who is signed out from another browser is told why at the next call', async () => {
    const [here, there] = [await openAs('ida@bearer.example'), await openAs('ida@bearer.example')];
    await there.evaluate('client.trpc.session.revokeOthers.mutate().then(() => undefined)');
    await askAgain(here);
    await here.getByText('Session: signed-out session_revoked').waitFor();
    expect(await here.evaluate('localStorage.length')).toBe(0);
    await askAgain(there);
    await there.getByText('20 of ida@bearer.example', { exact: true }).waitFor();
    await here.context().close();
    await there.context().close();
  });

  test('who changes the password in one browser is signed out of the other', async () => {
    const [here, there] = [await openAs('pia@bearer.example'), await openAs('pia@bearer.example')];
    const input = { currentPassword: testPassword, newPassword: 'staple gun orchestra' };
    await there.evaluate(
      `client.trpc.user.changePassword.mutate(${JSON.stringify(input)}).then(() => undefined)`,
    );
    await askAgain(here);
    await here.getByText('Session: signed-out session_revoked').waitFor();
    expect(await here.evaluate('localStorage.length')).toBe(0);
    await there.reload();
    await there.getByText('20 of pia@bearer.example', { exact: true }).waitFor();
    await here.context().close();
    await there.context().close();
  });

  test('who is disabled is out in every tab, and told why', async () => {
    const first = await openAs('max@bearer.example');
    const second = await open(first.context());
    await second.getByText('20 of max@bearer.example', { exact: true }).waitFor();
    const admin = await t.callerAs({ role: 'admin', email: 'root@bearer.example' });
    await admin.admin.disableUser({ userId: await idOf('max@bearer.example') });
    await askAgain(first);
    for (const tab of [first, second]) {
      await tab.getByText('Session: signed-out session_revoked').waitFor();
      await tab.getByText('Nobody is signed in.').waitFor();
      expect(await tab.evaluate('localStorage.length')).toBe(0);
    }
    await first.context().close();
  });

  test('a new role is there with the next call, after one refresh and without signing in', async () => {
    const page = await openAs('rik@bearer.example');
    await page.getByText('Not for you.').waitFor();
    const admin = await t.callerAs({ role: 'admin', email: 'root@bearer.example' });
    await admin.admin.setRole({ userId: await idOf('rik@bearer.example'), role: 'admin' });
    seen.calls.length = 0;
    await askAgain(page);
    await page.getByText('for admins').waitFor();
    await page.getByText('20 of rik@bearer.example', { exact: true }).waitFor();
    expect(count(seen.calls, 'auth.refresh')).toBe(1);
    await page.context().close();
  });
});
