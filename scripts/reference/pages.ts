import { readApiDocument } from './api-document.ts';
import { createExportsPage } from './exports-page.ts';
import { createLimitsPage } from './limits-page.ts';
import { createOptionsPage } from './options-page.ts';
import { createProceduresPage } from './procedures-page.ts';
import { createReasonsPage } from './reasons-page.ts';
import { createRoutesPage } from './routes-page.ts';

/** Every page of the reference by its path from the top of the repository. */
export async function createReference(): Promise<ReadonlyMap<string, string>> {
  const api = await readApiDocument();
  return new Map([
    ['docs/reference/options.md', createOptionsPage()],
    ['docs/reference/reasons.md', createReasonsPage()],
    ['docs/reference/limits.md', createLimitsPage()],
    ['docs/reference/procedures.md', createProceduresPage(api)],
    ['docs/reference/routes.md', createRoutesPage(api)],
    [
      'docs/reference/server.md',
      createExportsPage('latchkey/server', 'What a host application imports.', {
        'latchkey/server': 'server/index.ts',
      }),
    ],
    [
      'docs/reference/client.md',
      createExportsPage('latchkey/client', 'The typed client, for browsers, Node and others.', {
        'latchkey/client': 'client/index.ts',
        'latchkey/client/file': 'client/file-storage.ts',
      }),
    ],
    [
      'docs/reference/react.md',
      createExportsPage('latchkey/react', 'Components and hooks for one router, typed by it.', {
        'latchkey/react': 'client/react/index.ts',
      }),
    ],
    [
      'docs/reference/testing.md',
      createExportsPage('latchkey/testing', 'The test kit.', {
        'latchkey/testing': 'server/testing/index.ts',
      }),
    ],
    [
      'docs/reference/schemas.md',
      createExportsPage('latchkey/schemas', 'The contract in code: zod schemas, types, reasons.', {
        'latchkey/schemas': 'shared/index.ts',
      }),
    ],
  ]);
}
