import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, Visitor, type Program } from 'oxc-parser';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A source file, with the doc comment in front of whatever it holds. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly program: Program;
  /** The doc comment that ends right before an offset. */
  docBefore(offset: number): Doc | null;
}

/** A doc comment, taken apart. */
export interface Doc {
  /** What stands before the first tag, as Markdown. */
  readonly text: string;
  /** What follows each `@tag`, in order. */
  readonly tags: readonly { readonly name: string; readonly text: string }[];
  /** Where the comment begins in the file. */
  readonly start: number;
}

/** @param path from the top of the repository */
export function readSource(path: string): SourceFile {
  const text = readFileSync(`${root}${path}`, 'utf8');
  const { program, comments, errors } = parseSync(path, text);
  if (errors[0] !== undefined) throw new Error(`${path} does not parse: ${errors[0].message}`);
  return {
    path,
    text,
    program,
    docBefore(offset) {
      const last = comments.findLast(({ end }) => end <= offset);
      const isDoc = last?.type === 'Block' && last.value.startsWith('*');
      if (!isDoc || text.slice(last.end, offset).trim() !== '') return null;
      return parseDoc(last.value, last.start);
    },
  };
}

/** The file that an import in another one means. */
export function resolveImport(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier);
}

/**
 * The doc comments of the entries of an object or an interface, by their names.
 *
 * @throws Error when an entry has none, because a page would have a hole there
 */
export function readEntryDocs(path: string, name: string): ReadonlyMap<string, string> {
  const { program, docBefore } = readSource(path);
  const docs = new Map<string, string>();
  function add(key: { readonly type: string }, start: number): void {
    const entry = nameOf(key);
    const doc = docBefore(start);
    if (doc === null) throw new Error(`${path}: ${name}.${entry} has no doc comment.`);
    if (doc.tags.every((tag) => tag.name !== 'internal')) docs.set(entry, doc.text);
  }
  new Visitor({
    VariableDeclarator({ id, init }) {
      if (id.type !== 'Identifier' || id.name !== name) return;
      const object = objectIn(init);
      for (const property of object?.properties ?? []) {
        if (property.type === 'Property') add(property.key, property.start);
      }
    },
    TSInterfaceDeclaration({ id, body }) {
      if (id.name !== name) return;
      for (const member of body.body) {
        if (member.type === 'TSPropertySignature') add(member.key, member.start);
      }
    },
  }).visit(program);
  if (docs.size === 0) throw new Error(`${path} has no ${name}.`);
  return docs;
}

interface ObjectLike {
  readonly properties: readonly {
    readonly type: string;
    readonly key: { readonly type: string };
    readonly start: number;
  }[];
}

/** `{ … }` of `{ … } as const satisfies X`, or of `z.strictObject({ … })`. */
function objectIn(node: unknown): ObjectLike | null {
  const { type, expression, arguments: given } = (node ?? {}) as Record<string, unknown>;
  if (type === 'ObjectExpression') return node as ObjectLike;
  if (type === 'CallExpression') return objectIn((given as unknown[])[0]);
  return expression === undefined ? null : objectIn(expression);
}

function nameOf(key: object): string {
  if ('name' in key) return String(key.name);
  return 'value' in key ? String(key.value) : '';
}

function parseDoc(comment: string, start: number): Doc {
  const lines = comment.split('\n').map((line) => line.replace(/^\s*\* ?/, '').trimEnd());
  const [text = '', ...tags] = lines.join('\n').split(/^@(?=\w)/m);
  return {
    start,
    text: text.trim(),
    tags: tags.map((tag) => {
      const [, name = '', rest = ''] = /^(\w+)\s*([^]*)$/.exec(tag) ?? [];
      return { name, text: rest.trim() };
    }),
  };
}
