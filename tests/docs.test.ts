import { existsSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readCommands, readLinks, readSnippets, type Snippet } from './docs/read-snippets.ts';
import { createWorkspace, type Run, type Service, type Workspace } from './docs/workspace.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

async function readDocuments(): Promise<Map<string, string>> {
  const documents = new Map<string, string>();
  for await (const path of glob(['*.md', 'docs/**/*.md'], { cwd: root })) {
    documents.set(path.replaceAll('\\', '/'), await readFile(`${root}${path}`, 'utf8'));
  }
  return documents;
}

const documents = await readDocuments();
const snippets = [...documents].flatMap(([path, markdown]) => readSnippets(path, markdown));
const scripts = (
  JSON.parse(await readFile(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> }
).scripts;

function inLanguage(all: readonly Snippet[], language: string): Snippet[] {
  return all.filter((snippet) => snippet.language === language);
}

/** Runs what a document wants run, in its order, and answers the runs that failed. */
async function runDocument(workspace: Workspace, all: readonly Snippet[]): Promise<string[]> {
  const failures: string[] = [];
  const services: Service[] = [];
  function report({ document, line }: Snippet, { exitCode, output }: Run): void {
    if (exitCode !== 0) failures.push(`${document}:${line} ended with ${exitCode}: ${output}`);
  }
  try {
    for (const snippet of all) {
      if (snippet.mode === 'run') report(snippet, await workspace.run(snippet));
      if (snippet.mode !== 'serve') continue;
      const service = workspace.serve(snippet);
      services.push(service);
      await service.ready;
    }
  } finally {
    await Promise.all(services.map((service) => service.stop()));
  }
  return failures;
}

const knownCommands = [
  /^npm (install|i|ci|start|test)( |$)/,
  /^npx latchkey( |$)/,
  /^node [\w./-]+\.ts$/,
  /^(git clone|cd|mkdir|curl|export) /,
];

/** Commands that a reader cannot be expected to have, or that name a script we do not have. */
function findUnknownCommands(all: readonly Snippet[]): string[] {
  return inLanguage(all, 'sh').flatMap((snippet) =>
    readCommands(snippet)
      .map((command) => command.replace(/^([A-Z_]+=\S+ )+/, ''))
      .filter((command) => {
        const script = /^npm run ([\w:]+)/.exec(command)?.[1];
        if (script !== undefined) return !Object.hasOwn(scripts, script);
        return !knownCommands.some((known) => known.test(command));
      })
      .map((command) => `${snippet.document}:${snippet.line} has \`${command}\``),
  );
}

/** Links to a file that is not there. */
function findDeadLinks(path: string, markdown: string): string[] {
  return readLinks(markdown)
    .filter((target) => !existsSync(`${root}${posix.join(posix.dirname(path), target)}`))
    .map((target) => `${path} links to ${target}`);
}

test(
  'every TypeScript snippet compiles and every one marked so runs',
  { timeout: 300_000 },
  async () => {
    const code = inLanguage(snippets, 'ts');
    await using workspace = await createWorkspace(code);
    expect(await workspace.checkTypes()).toEqual([]);
    for (const path of documents.keys()) {
      const own = code.filter((snippet) => snippet.document === path);
      expect(await runDocument(workspace, own)).toEqual([]);
    }
  },
);

test('every command is one that a reader has', () => {
  expect(findUnknownCommands(snippets)).toEqual([]);
});

test('every relative link leads to a file', () => {
  expect([...documents].flatMap(([path, markdown]) => findDeadLinks(path, markdown))).toEqual([]);
});

const example = `
# A guide

See [reasons](../shared/reasons.ts#L1), [nothing](./nothing.md) and [the web](https://example.com).

\`\`\`ts greeting.ts
export const greeting: string = 1;
\`\`\`

~~~ts run
import { isReason } from 'latchkey/schemas';
import { greeting } from './greeting.ts';
if (isReason('nope') || greeting !== 'hello') throw new Error('not so');
~~~

\`\`\`ts serve
import { createServer } from 'node:http';
createServer((_request, response) => response.end('served')).listen(4000, '127.0.0.1');
\`\`\`

\`\`\`ts run
const response = await fetch('http://127.0.0.1:4000/');
if ((await response.text()) !== 'served') throw new Error('not served');
\`\`\`

\`\`\`sh
npm install && npm start # both
LATCHKEY_LOG_LEVEL=warn npm run no-such-script
curl http://localhost:4000/health/ready \\
  --fail
brew install latchkey
\`\`\`
`;

test('a broken snippet is named by its line', { timeout: 180_000 }, async () => {
  const code = inLanguage(readSnippets('docs/example.md', example), 'ts');
  await using workspace = await createWorkspace(code);
  expect(await workspace.checkTypes()).toEqual([
    expect.stringMatching(/^docs\/example\.md:7: error TS2322: /),
  ]);
  const failures = await runDocument(workspace, code);
  expect(failures).toEqual([
    expect.stringMatching(/^docs\/example\.md:10 ended with 1: .*not so/s),
  ]);
});

test('a service that ends instead of listening is named by its line', async () => {
  const code = readSnippets('docs/example.md', '```ts serve\nconsole.log("bye");\n```\n');
  await using workspace = await createWorkspace(code);
  await expect(runDocument(workspace, code)).rejects.toThrow(
    'docs/example.md:1 ended before it listened: bye',
  );
});

test('a command that nobody has is named', () => {
  expect(findUnknownCommands(readSnippets('docs/example.md', example))).toEqual([
    'docs/example.md:26 has `npm run no-such-script`',
    'docs/example.md:26 has `brew install latchkey`',
  ]);
});

test('a link to nothing is named', () => {
  expect(findDeadLinks('docs/example.md', example)).toEqual([
    'docs/example.md links to ./nothing.md',
  ]);
});
