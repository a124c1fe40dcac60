import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Answer } from './answer.ts';
import { createConsoleRoutes, type ConsoleSettings } from './console.ts';
import type { IncomingCall } from './handler.ts';

const folder = await mkdtemp(join(tmpdir(), 'latchkey-console-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
await mkdir(join(folder, 'assets'));
const page =
  '<!doctype html><head><meta name="latchkey" content="" /></head><script src="./assets/a-1.js"></script>';
await writeFile(join(folder, 'index.html'), page);
await writeFile(join(folder, 'assets/a-1.js'), 'whole');
await writeFile(join(folder, 'assets/a-1.js.br'), 'compressed');
await writeFile(join(folder, 'icon.svg'), '<svg/>');

const settings: ConsoleSettings = {
  endpoint: '/trpc',
  url: 'https://auth.example.com',
  roles: ['user', 'admin'],
  minPasswordLength: 12,
  production: true,
  apiPage: true,
};

interface Asked {
  readonly at?: string;
  readonly settings?: Partial<ConsoleSettings>;
  readonly headers?: Readonly<Record<string, string>>;
}

async function get(path: string, asked: Asked = {}): Promise<Answer | null> {
  const { at = '/', headers = {} } = asked;
  const routes = createConsoleRoutes(at, { ...settings, ...asked.settings }, folder);
  const route = routes.find((each) => each.path === path);
  const call = { headers: (name: string) => [headers[name] ?? []].flat() };
  // Of a call, files are told by their path and these headers.
  return route ? route.answer(call as unknown as IncomingCall) : null;
}

/** Files are whole. */
function textOf(answer: Answer | null): string {
  const body = answer?.body as string | Uint8Array;
  return typeof body === 'string' ? body : Buffer.from(body).toString();
}

function headersOf(answer: Answer | null): Record<string, string> {
  return Object.fromEntries(answer?.headers.values ?? []);
}

test('there are the files that were built, at their names, and no others', () => {
  const paths = createConsoleRoutes('/', settings, folder).map(({ path }) => path);
  expect(paths.toSorted()).toEqual(['/', '/assets/a-1.js', '/icon.svg']);
  const below = createConsoleRoutes('/console/', settings, folder).map(({ path }) => path);
  expect(below).toContain('/console/assets/a-1.js');
});

test('the page takes no script, style or anything else from elsewhere, and none that is inline', async () => {
  const policy = headersOf(await get('/'))['content-security-policy'];
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self';");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).toContain("require-trusted-types-for 'script'");
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
});

test('the page is asked for again, and sent if it has changed', async () => {
  const first = headersOf(await get('/'));
  expect(first).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-cache',
  });
  const known = { 'if-none-match': first['etag'] ?? '' };
  expect(await get('/', { headers: known })).toMatchObject({ status: 304, body: null });
  const changed = await get('/', { headers: known, settings: { minPasswordLength: 16 } });
  expect(changed?.status).toBe(200);
});

test('the page is told of its server, and no text of it breaks out', async () => {
  const endpoint = '/a"><script>alert(1)</script>&';
  const html = textOf(await get('/', { settings: { endpoint } }));
  const [, content = ''] = /<meta name="latchkey" content="([^"]*)" \/>/.exec(html) ?? [];
  expect(html).not.toContain('<script>alert');
  const json = content.replaceAll('&lt;', '<').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
  expect(JSON.parse(json)).toEqual({ ...settings, endpoint });
});

test('what has its hash in its name is kept for good', async () => {
  expect(headersOf(await get('/assets/a-1.js'))).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
  });
  expect(headersOf(await get('/icon.svg'))['cache-control']).toBe('no-cache');
});

test.each([
  ['gzip, deflate, br, zstd', 'br', 'compressed'],
  ['br', 'br', 'compressed'],
  ['gzip', undefined, 'whole'],
  ['brotli', undefined, 'whole'],
  ['br;q=0', undefined, 'whole'],
  ['', undefined, 'whole'],
])('to who takes "%s" it is sent as %s', async (accepted, encoding, body) => {
  const answer = await get('/assets/a-1.js', { headers: { 'accept-encoding': accepted } });
  expect(headersOf(answer)['content-encoding']).toBe(encoding);
  expect(headersOf(answer)['vary']).toBe('accept-encoding');
  expect(textOf(answer)).toBe(body);
});

test('where nothing was built, the page says what builds it', async () => {
  const [route, ...others] = createConsoleRoutes('/', settings, join(folder, 'nothing'));
  expect(others).toEqual([]);
  const answer = await route?.answer({} as IncomingCall);
  expect(answer?.status).toBe(404);
  expect(answer?.body).toContain('npm run build:web');
});

test.each(['', 'console/', '/console', '//', '/a?b/', '/a#b/'])('%j is no path for it', (path) => {
  expect(() => createConsoleRoutes(path, settings, folder)).toThrow(/console: not valid/);
});
