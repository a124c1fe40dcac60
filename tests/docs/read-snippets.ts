/**
 * A fenced block of a Markdown file. What stands behind the fence says what is done with it:
 *
 * - `ts` is type-checked as a module of its own;
 * - `ts server.ts` is as well, and later blocks of the same document may import `./server.ts`;
 * - `ts run` is also run, and has to exit with 0;
 * - `ts serve` is also started, and has to listen on port 4000 while the blocks marked `run` that
 *   follow in the document run (on a free port, in fact);
 * - `sh` may hold commands that a reader can be expected to have.
 */
export interface Snippet {
  /** Path of the document from the top of the repository. */
  readonly document: string;
  /** Line of the opening fence. */
  readonly line: number;
  readonly language: string;
  readonly fileName: string;
  readonly mode: 'check' | 'run' | 'serve';
  readonly text: string;
}

const openingFence = /^\s*(?<fence>`{3,}|~{3,})(?<info>.*)$/;

/** Reads every fenced block of a Markdown text. */
export function readSnippets(document: string, markdown: string): Snippet[] {
  const snippets: Snippet[] = [];
  const lines = markdown.split(/\r?\n/);
  for (let start = 0; start < lines.length; start += 1) {
    const { fence, info } = openingFence.exec(lines[start] ?? '')?.groups ?? {};
    if (fence === undefined || info === undefined) continue;
    const length = lines.slice(start + 1).findIndex((line) => line.trim().startsWith(fence));
    if (length === -1) throw new Error(`${document}:${start + 1} opens a block that never closes.`);
    const text = lines.slice(start + 1, start + 1 + length).join('\n');
    snippets.push({ document, line: start + 1, text, ...readInfo(info, start + 1) });
    start += length + 1;
  }
  return snippets;
}

function readInfo(info: string, line: number): Pick<Snippet, 'language' | 'fileName' | 'mode'> {
  const [language = '', ...words] = info.trim().split(/\s+/);
  const fileName = words.find((word) => word.endsWith('.ts')) ?? `line-${line}.ts`;
  const mode = words.includes('run') ? 'run' : words.includes('serve') ? 'serve' : 'check';
  return { language, fileName, mode };
}

/** Commands of a `sh` block, one each: continued lines joined, chains taken apart. */
export function readCommands({ text }: Snippet): string[] {
  return text
    .replaceAll(/\\\n\s*/g, ' ')
    .split(/\n|&&|;/)
    .map((command) => command.replace(/(^|\s)#.*$/, '').trim())
    .filter((command) => command !== '');
}

/** Relative links of a Markdown text, without their fragments. */
export function readLinks(markdown: string): string[] {
  const prose = markdown.replaceAll(/^(\s*)(`{3,}|~{3,})[\s\S]*?^\s*\2/gm, '');
  return [...prose.matchAll(/\]\((?<target>[^)\s]+)\)/g)]
    .map((match) => match.groups?.['target']?.split('#', 1)[0] ?? '')
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target));
}
