import { readFile } from 'node:fs/promises';
import type { AnyTRPCRouter } from '@trpc/server';
import { answerMade } from '../http/answer-made.ts';
import type { Route } from '../http/routes.ts';
import { readPackageJson } from '../package-json.ts';

export interface ApiPageParts {
  readonly router: AnyTRPCRouter;
  /** Path of the tRPC endpoint. */
  readonly basePath: string;
  /** Paths outside tRPC, to be described as well. */
  readonly routes: readonly Route[];
}

/** Scripts and styles are our own files. Swagger UI has its icons in its styles, as `data:`. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The files of the page by their paths: ours, and Swagger UI's, which the build puts beside them. */
const files = {
  '/docs': { name: 'index.html', type: 'text/html; charset=utf-8' },
  '/docs/init.js': { name: 'init.js', type: 'text/javascript; charset=utf-8' },
  '/docs/page.css': { name: 'page.css', type: 'text/css; charset=utf-8' },
  '/docs/swagger-ui-bundle.js': {
    name: 'swagger-ui-bundle.js',
    type: 'text/javascript; charset=utf-8',
  },
  '/docs/swagger-ui.css': { name: 'swagger-ui.css', type: 'text/css; charset=utf-8' },
} as const;

/**
 * The API page at `/docs`, and the document that it shows at `/openapi.json`. Everything is
 * read and made when it is first asked for.
 */
export function createApiPage(parts: ApiPageParts): readonly Route[] {
  const answerDocument = answerMade(
    { 'content-type': 'application/json; charset=utf-8' },
    async () => {
      const { createDocument } = await import('./create-document.ts');
      const { version } = readPackageJson();
      return Buffer.from(JSON.stringify(await createDocument({ ...parts, version })));
    },
  );
  return [
    { path: '/openapi.json', answer: answerDocument },
    ...Object.entries(files).map(([path, { name, type }]) => ({
      path,
      answer: answerMade(headersOf(type), () => readPageFile(name)),
    })),
  ];
}

function headersOf(type: string): Record<string, string> {
  const headers = { 'content-type': type };
  return type.startsWith('text/html')
    ? { ...headers, 'content-security-policy': pagePolicy }
    : headers;
}

/** In the build all files lie together; a clone has Swagger UI where npm put it. */
async function readPageFile(name: string): Promise<Buffer<ArrayBuffer>> {
  try {
    return await readFile(new URL(`public/${name}`, import.meta.url));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    return readFile(new URL(`../../node_modules/swagger-ui-dist/${name}`, import.meta.url));
  }
}
