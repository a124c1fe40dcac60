import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigurationError } from '../config/configuration-error.ts';
import { answerMade } from './answer-made.ts';
import { AnswerHeaders, type Answer } from './answer.ts';
import type { IncomingCall } from './handler.ts';
import type { Route } from './routes.ts';

/** What the console is told of the server that serves it. Nothing in it is secret. */
export interface ConsoleSettings {
  /** Path of the tRPC endpoint. */
  readonly endpoint: string;
  /** The public origin, from which signing in is allowed. */
  readonly url: string;
  readonly roles: readonly string[];
  readonly minPasswordLength: number;
  readonly production: boolean;
  /** There is an API page to lead to. */
  readonly apiPage: boolean;
}

/** The sources run from `server/http`, the build from `dist/server/http`. */
const builtFolder = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../dist/web/' : '../../web/', import.meta.url),
);

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
};

/** Nothing inline, nothing from elsewhere, and no text becomes a script. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** Stands in `web/index.html`, and is replaced by what holds for this server. */
const settingsMark = /<meta name="latchkey" content="[^"]*" \/>/;

/**
 * The web console, as it was built to `dist/web`: its files by their names, and no others.
 *
 * @param path where it is served, with a slash at its end
 * @param folder where it was built to
 * @throws ConfigurationError when the path is none
 */
export function createConsoleRoutes(
  path: string,
  settings: ConsoleSettings,
  folder: string = builtFolder,
): readonly Route[] {
  if (!/^\/([^/?#]+\/)*$/.test(path)) {
    throw new ConfigurationError([
      'console: not valid. Wanted: the path of the console, such as / or /console/, with a slash at its end.',
    ]);
  }
  const files = new Set(listFiles(folder));
  if (!files.has('index.html')) return [{ path, answer: answerUnbuilt }];
  const read = createReader(folder);

  const answerPage = answerMade(
    {
      'content-type': typeOf('index.html'),
      'content-security-policy': contentSecurityPolicy,
      'cross-origin-opener-policy': 'same-origin',
    },
    async () => {
      const html = String(await read('index.html'));
      return Buffer.from(html.replace(settingsMark, () => describeSettings(settings)));
    },
  );

  function routeOf(file: string): Route {
    const isCompressed = files.has(`${file}.br`);
    return {
      path: path + file,
      async answer(call) {
        const headers = new AnswerHeaders([
          ['content-type', typeOf(file)],
          // The name of a built file holds the hash of its content.
          [
            'cache-control',
            file.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
          ],
        ]);
        if (isCompressed) headers.setHeader('vary', 'accept-encoding');
        if (isCompressed && takesBrotli(call)) {
          headers.setHeader('content-encoding', 'br');
          return { status: 200, headers, body: await read(`${file}.br`) };
        }
        return { status: 200, headers, body: await read(file) };
      },
    };
  }

  const others = [...files].filter((file) => file !== 'index.html' && !file.endsWith('.br'));
  return [{ path, answer: answerPage }, ...others.map(routeOf)];
}

function answerUnbuilt(): Answer {
  return {
    status: 404,
    headers: new AnswerHeaders([['content-type', 'text/plain; charset=utf-8']]),
    body: 'The console is not built. Run "npm run build:web", then start the server again.\n',
  };
}

/** Paths below the folder; none where there is no folder. */
function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) =>
        `${parentPath}/${name}`.slice(folder.length).replaceAll('\\', '/').replace(/^\/+/, ''),
      );
  } catch {
    return []; // Not built: said to whoever asks for the page.
  }
}

/** Reads a file when it is first asked for, and once. */
function createReader(folder: string): (file: string) => Promise<Buffer<ArrayBuffer>> {
  const contents = new Map<string, Promise<Buffer<ArrayBuffer>>>();
  return (file) => {
    const known = contents.get(file);
    if (known) return known;
    const reading = readFile(`${folder}/${file}`);
    contents.set(file, reading);
    reading.catch(() => contents.delete(file));
    return reading;
  };
}

function typeOf(file: string): string {
  return contentTypes[extname(file)] ?? 'application/octet-stream';
}

/** As every browser sends it, without a weight (RFC 9110 §12.5.3); for who weighs, it is whole. */
function takesBrotli(call: IncomingCall): boolean {
  return call
    .headers('accept-encoding')
    .flatMap((value) => value.split(','))
    .some((coding) => coding.trim() === 'br');
}

function describeSettings(settings: ConsoleSettings): string {
  const json = JSON.stringify(settings).replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  return `<meta name="latchkey" content="${json.replaceAll('<', '&lt;')}" />`;
}
