import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { findBarriers } from './barriers.ts';
import { launchBrowser, type TestBrowser } from './browser.ts';

const bodies: Readonly<Record<string, string>> = {
  '/elsewhere': '<img src="http://elsewhere.example/pixel.png">',
  '/hidden': '<script src="/hidden.js"></script>',
  '/inline': '<p style="color: red">Text</p>',
  '/console': '<script src="/error.js"></script>',
  '/good': '<img src="data:,"><a href="http://elsewhere.example">A link is no request.</a>',
};
const scripts: Readonly<Record<string, string>> = {
  '/error.js': "console.error('wrong'); throw new Error('worse');",
  // No event of Playwright tells of these.
  '/hidden.js': `
    new Worker('/worker.js').onmessage = () => {
      new WebSocket('ws://socket.example/').onerror = () => (document.title = 'Tried');
    };
  `,
  '/worker.js': `fetch('http://worker.example/').catch(() => postMessage('Tried'));`,
};
const server = createServer((req, res) => {
  const script = scripts[req.url ?? ''];
  res.writeHead(200, {
    'content-type': script === undefined ? 'text/html' : 'text/javascript',
    'content-security-policy': "script-src 'self'; style-src 'self'",
  });
  res.end(script ?? bodies[req.url ?? '']);
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // Of a socket, not a pipe.
const browser = await launchBrowser();

afterAll(async () => {
  await browser.close();
  server.close();
});

async function visit({ newContext }: TestBrowser, path: string, title = ''): Promise<void> {
  const context = await newContext();
  const page = await context.newPage();
  await page.goto(`${url}${path}`);
  await expect.poll(() => page.title()).toBe(title);
  await context.close();
}

test.each([
  ['/inline', /csp: style-src-attr inline/],
  ['/console', /console: wrong[^]*uncaught: worse|uncaught: worse[^]*console: wrong/],
])('%s is a fault', async (path, fault) => {
  await visit(browser, path);
  expect(() => browser.assertNoFaults()).toThrow(fault);
  browser.assertNoFaults();
});

test('a page that stays here is none', async () => {
  await visit(browser, '/good');
  expect(() => browser.assertNoFaults()).not.toThrow();
});

test('a request to another machine is a fault of its page, and of the whole run', async () => {
  const own = await launchBrowser();
  await visit(own, '/elsewhere');
  expect(() => own.assertNoFaults()).toThrow('request to http://elsewhere.example/pixel.png');
  await expect(own.close()).rejects.toThrow('http://elsewhere.example/pixel.png');
});

test('what no event of a page tells of is in the log of the run', async () => {
  const own = await launchBrowser();
  await visit(own, '/hidden', 'Tried');
  await expect(own.close()).rejects.toThrow(
    /http:\/\/worker\.example\/\nws:\/\/socket\.example\/$/,
  );
});

test('what bars the way to a page is found', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${url}/good`);
  expect(await findBarriers(page)).toContain('image-alt: img');
  await context.close();
});
