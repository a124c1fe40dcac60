/**
 * `npm run screenshots`: the pages of the README, on a server that has had a day of people who do
 * not exist. Look at them before they are committed.
 */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { testPassword } from '../../server/testing/index.ts';
import { createApi, signedInOf, userPageOf, valueOf, type SignedIn } from '../contract/api.ts';
import { launchBrowser } from './browser.ts';
import { signIn } from './console.ts';
import { serveKit } from './serve.ts';

const folder = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const desk = { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };
const stepSeconds = 600;
const daySeconds = 24 * 3_600;

const people = [
  ['mira.holm', 'Mira Holm'],
  ['jonas.feld', 'Jonas Feld'],
  ['amara.okoro', 'Amara Okoro'],
  ['tomas.rey', 'Tomás Rey'],
  ['yuki.arai', 'Yuki Arai'],
  ['leila.nasser', 'Leila Nasser'],
  ['piet.vermeer', 'Piet Vermeer'],
  ['ines.costa', 'Inês Costa'],
  ['oskar.lind', 'Oskar Lind'],
  ['priya.raman', 'Priya Raman'],
  ['noor.haddad', 'Noor Haddad'],
  ['emil.dahl', 'Emil Dahl'],
] as const;

const devices = [
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.2 Safari/605.1.15',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.2 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
] as const;

/** The same day each time (Park and Miller, 1988). */
function createDice(): (sides: number) => number {
  let state = 7;
  return (sides) => {
    state = (state * 16_807) % 2_147_483_647;
    return state % sides;
  };
}

const { t, url, close } = await serveKit({ console: '/' }, { trustedProxies: ['127.0.0.1'] });
const browser = await launchBrowser();
const api = createApi(url);
const roll = createDice();
const password = testPassword;
const admin = 'admin@example.com';
/** How many of the people have signed up. */
let known = 0;

/** Who is signed in, by person and device. */
const signedIn = new Map<string, SignedIn>();

/** Each person has two devices, at addresses that are for documentation (RFC 5737). */
function originOf(person: number, device: number): Record<string, string> {
  return {
    'user-agent': devices[(person + 2 * device) % devices.length] ?? '',
    'x-forwarded-for': `${person % 2 === 0 ? '198.51.100' : '203.0.113'}.${20 + person * 7 + device}`,
  };
}

function emailOf(person: number): string {
  return `${people[person]?.[0]}@example.com`;
}

async function signUp(person: number): Promise<void> {
  const input = { email: emailOf(person), name: people[person]?.[1], password };
  const answer = await api.mutate('auth.register', { input, headers: originOf(person, 0) });
  signedIn.set(`${person}/0`, signedInOf(answer));
}

/** On a device where somebody is signed in already, signs out first. */
async function comeBack(person: number): Promise<void> {
  const device = roll(3) === 0 ? 1 : 0;
  const headers = originOf(person, device);
  const before = signedIn.get(`${person}/${device}`);
  if (before) {
    await api.mutate('auth.logout', { input: { refreshToken: before.refreshToken }, headers });
  }
  // One in seven mistypes it.
  const typed = roll(7) === 0 ? 'a slip of the hand' : password;
  const input = { email: emailOf(person), password: typed };
  const answer = await api.mutate('auth.login', { input, headers });
  if (answer.status === 200) signedIn.set(`${person}/${device}`, signedInOf(answer));
  else signedIn.delete(`${person}/${device}`);
}

/** More by day than by night, ten minutes at a time. */
async function live(fromSeconds: number, untilSeconds: number): Promise<void> {
  for (let second = fromSeconds; second < untilSeconds; second += stepSeconds) {
    const share = second / daySeconds;
    if (known < people.length * Math.min(1, share * 1.3)) await signUp(known++);
    const busy = Math.round(1 + 4 * Math.sin(Math.PI * share) ** 2);
    for (let count = roll(busy + 1); count > 0 && known > 0; count--) await comeBack(roll(known));
    t.clock.advance(stepSeconds);
  }
}

/** What an admin does; answers whose page is to be shown. */
async function administer(): Promise<string> {
  const headers = originOf(0, 0);
  const input = { email: admin, password };
  const { accessToken: token } = signedInOf(await api.mutate('auth.login', { input, headers }));
  const { users } = userPageOf(await api.query('admin.listUsers', { token, headers }));
  function idOf(person: number): string {
    const found = users.find(({ email }) => email === emailOf(person));
    if (!found) throw new Error(`${emailOf(person)} has not signed up.`);
    return found.id;
  }
  const calls = {
    'admin.setRole': { userId: idOf(0), role: 'admin' },
    'admin.disableUser': { userId: idOf(6) },
    'admin.rotateKeys': undefined,
  };
  for (const [path, given] of Object.entries(calls)) {
    valueOf(await api.mutate(path, { input: given, token, headers }));
    t.clock.advance(60);
  }
  return idOf(3);
}

async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: desk,
    locale: 'en-GB',
    reducedMotion: 'reduce',
    userAgent: devices[0],
    ...options,
  });
  // The server has lived a day meanwhile.
  await context.clock.install({ time: t.clock.now() });
  const page = await context.newPage();
  await page.goto(`${url}${path}`);
  return page;
}

async function take(page: Page, name: string): Promise<void> {
  await page.locator('h1').waitFor();
  await page.getByText('Loading', { exact: true }).first().waitFor({ state: 'detached' });
  await page.screenshot({ path: `${folder}${name}.png` });
}

async function takeConsole(userId: string): Promise<void> {
  const page = await open('/');
  await take(page, 'sign-in');
  await page.goto(`${url}/#/sign-up`);
  await take(page, 'sign-up');
  await page.goto(`${url}/#/`);
  await signIn(page, { email: admin, password });
  const pages = {
    overview: '/overview?hours=24',
    users: '/users',
    user: `/users/${userId}`,
    audit: '/audit',
    keys: '/keys',
    profile: '/profile',
    password: '/password',
  };
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(`${url}/#${path}`);
    await page.reload();
    await take(page, name);
  }
  await page.goto(`${url}/#/overview?hours=24`);
  await page.emulateMedia({ colorScheme: 'dark' });
  await take(page, 'overview-dark');
  await page.setViewportSize(phone);
  await take(page, 'phone');
  await page.context().close();
}

async function takeSessions(): Promise<void> {
  const page = await open('/#/sessions');
  await signIn(page, { email: emailOf(4), password });
  await page.getByText('This device').waitFor();
  await take(page, 'sessions');
  await page.context().close();
}

/** Signed in, and with everything closed again: an access token is for nobody's picture. */
async function takeApiPage(): Promise<void> {
  const page = await open('/docs');
  const signingIn = page.locator('.opblock', { hasText: '/trpc/auth.login' });
  const heading = signingIn.locator('.opblock-summary-control');
  await heading.click();
  await signingIn.locator('textarea').fill(JSON.stringify({ email: emailOf(4), password }));
  await signingIn.getByRole('button', { name: 'Execute' }).click();
  await page.getByText(`Signed in as ${emailOf(4)}.`).waitFor();
  await heading.click();
  await signingIn.locator('.live-responses-table').waitFor({ state: 'detached' });
  await page.evaluate('document.activeElement.blur(); scrollTo(0, 0)');
  await page.mouse.move(0, 0);
  await take(page, 'api-page');
  await page.context().close();
}

await mkdir(folder, { recursive: true });
await t.signInAs({ email: admin, role: 'admin' });
await live(0, daySeconds - 3_600);
const userId = await administer();
await live(daySeconds - 3_600, daySeconds);
await takeConsole(userId);
await takeSessions();
await takeApiPage();
browser.assertNoFaults();
await browser.close();
await close();
