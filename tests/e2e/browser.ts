import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { chromium, type BrowserContext, type BrowserContextOptions } from 'playwright-core';
import { findRequestsElsewhere, isLocal } from './network-log.ts';

/** A Chromium of a test file. What no page may do is noted as a fault. */
export interface TestBrowser {
  /** A browser profile of its own: cookies, storage and tabs, apart from all others. */
  newContext(options?: BrowserContextOptions): Promise<BrowserContext>;
  /**
   * For `afterEach`: that no page asked another machine for anything, violated its content
   * security policy, or had an error that is uncaught or on the console.
   *
   * @throws Error with a line for each fault since the last time
   */
  assertNoFaults(): void;
  /**
   * Ends it, and reads in Chromium's own log that nothing in it asked another machine.
   *
   * @throws Error with a line for each that was asked
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts Debian's Chromium, which can reach nothing but this machine.
 *
 * @example
 * ```ts
 * const browser = await launchBrowser();
 * afterEach(() => browser.assertNoFaults());
 * afterAll(() => browser.close());
 * ```
 */
export async function launchBrowser(): Promise<TestBrowser> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-e2e-'));
  const log = join(folder, 'network.json');
  const browser = await chromium.launch({
    executablePath: findChromium(),
    args: [
      // No name is resolved but our own, so that nothing leaves even if a test does not look.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
      `--log-net-log=${log}`,
    ],
  });
  const faults: string[] = [];

  async function newContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const context = await browser.newContext(options);
    context.on('request', (request) => {
      if (!isLocal(request.url())) faults.push(`request to ${request.url()}`);
    });
    context.on('console', (message) => {
      // Chromium says that of every answer above 399: refusals are what many tests want.
      const isRefusal = message.text().startsWith('Failed to load resource: the server responded');
      if (message.type() === 'error' && !isRefusal) faults.push(`console: ${message.text()}`);
    });
    context.on('weberror', (error) => faults.push(`uncaught: ${error.error().message}`));
    await context.exposeFunction('noteViolation', (text: string) => faults.push(`csp: ${text}`));
    await context.addInitScript({ content: notingViolations });
    return context;
  }

  async function close(): Promise<void> {
    // What is written last is the end of the log.
    await browser.close();
    const elsewhere = await findRequestsElsewhere(log);
    await rm(folder, { recursive: true });
    if (elsewhere.length > 0) {
      throw new Error(`Chromium asked other machines:\n${elsewhere.join('\n')}`);
    }
  }

  return {
    newContext,
    assertNoFaults() {
      const found = faults.splice(0);
      if (found.length > 0) throw new Error(`What no page may do:\n${found.join('\n')}`);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Runs in each page. */
const notingViolations = `
  document.addEventListener('securitypolicyviolation', (event) => {
    noteViolation([event.violatedDirective, event.blockedURI, event.sample].join(' '));
  });
`;

/** @throws Error that says how to install it */
function findChromium(): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = folders.map((folder) => join(folder, 'chromium')).find(isExecutable);
  if (found === undefined) {
    throw new Error('There is no chromium on this machine. Install it: apt-get install chromium');
  }
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
