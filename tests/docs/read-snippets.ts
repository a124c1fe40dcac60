/**
 * A fenced block of a Markdown file. What stands behind the fence says what is done with it:
 *
 * - `ts` and `tsx` are type-checked as a module of their own;
 * - with a file name, such as `ts server.ts` or `python main.py`, it is kept under that name, and
 *   later blocks of the same document may import or run it;
 * - `ts run` is also run, and has to exit with 0;
 * - `sh` may hold commands that a reader can be expected to have; `sh run` is also run, by bash, in
 *   the document's own folder and with what the blocks before it have set, and has to exit with 0;
 * - `serve` in place of `run` starts it, and it has to listen on port 4000, or on another one that it
 *   names, while the blocks that follow in the document run (on free ports, in fact);
 * - `output` is what the block before it has to have printed; `…` stands for anything;
 * - a path, such as `text deploy/nginx.conf`, says which file of ours it shows: it has to be the same;
 * - `fastapi` beside `run` or `serve` leaves the block out where Python has no FastAPI.
 */
export interface Snippet {
  /** Path of the document from the top of the repository. */
  readonly document: string;
  /** Line of the opening fence. */
  readonly line: number;
  readonly language: string;
  /** `null` for a block that nobody can refer to. */
  readonly fileName: string | null;
  readonly mode: 'check' | 'run' | 'serve' | 'output';
  readonly needsFastApi: boolean;
  /** The file of the repository that it shows. */
  readonly source: string | null;
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

type Info = Pick<Snippet, 'language' | 'fileName' | 'mode' | 'needsFastApi' | 'source'>;

const modes = ['run', 'serve', 'output'] as const;

function readInfo(info: string, line: number): Info {
  const [language = '', ...words] = info.trim().split(/\s+/);
  const unnamed = /^tsx?$/.test(language) ? `line-${line}.${language}` : null;
  return {
    language,
    fileName: words.find((word) => /^[\w./-]+\.\w+$/.test(word)) ?? unnamed,
    mode: modes.find((mode) => words.includes(mode)) ?? 'check',
    needsFastApi: words.includes('fastapi'),
    source: words.find((word) => word.startsWith('deploy/')) ?? null,
  };
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
