import { glob, readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, Visitor, type Argument, type Expression } from 'oxc-parser';

/** One import, re-export, dynamic import, `require`, `getBuiltinModule` or `import('…')` type of a source file. */
export interface SourceImport {
  /** Path from the top of the repository, with forward slashes. */
  readonly file: string;
  readonly line: number;
  /** What it leads to: a path as `file` is one, or an entry of a package. */
  readonly target: string;
  /** True for `import type`: of `import { type X }` an empty import is left at run time. */
  readonly typeOnly: boolean;
}

/** A use of `object.member` or `new Date()`, or a name taken from node:crypto. */
export interface Use {
  readonly file: string;
  readonly line: number;
  readonly name: string;
}

export interface Source {
  readonly file: string;
  readonly imports: readonly SourceImport[];
  readonly uses: readonly Use[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Reads every source file that is shipped: tests are free to import what they test. */
export async function readSources(): Promise<Source[]> {
  const files: string[] = [];
  for await (const path of glob('{server,client,shared,web}/**/*.{ts,tsx}', { cwd: root })) {
    if (!/\.test(-d)?\.tsx?$/.test(path)) files.push(path.replaceAll('\\', '/'));
  }
  return Promise.all(
    files
      .toSorted()
      .map(async (file) => parseSource(file, await readFile(`${root}${file}`, 'utf8'))),
  );
}

/** Reads the imports and the uses of `Date.now` and its like from one file's text. */
export function parseSource(file: string, text: string): Source {
  const { program, errors } = parseSync(file, text);
  if (errors[0] !== undefined) throw new Error(`${file} does not parse: ${errors[0].message}`);

  const imports: SourceImport[] = [];
  const uses: Use[] = [];
  function lineAt(offset: number): number {
    return text.slice(0, offset).split('\n').length;
  }
  function addImport(specifier: string, offset: number, typeOnly: boolean): void {
    imports.push({ file, line: lineAt(offset), target: resolveTarget(file, specifier), typeOnly });
  }
  function literalOf(source: Argument | undefined, offset: number): string {
    if (source?.type === 'Literal' && typeof source.value === 'string') return source.value;
    throw new Error(`${file}:${lineAt(offset)} imports a computed path, which no rule can judge`);
  }

  new Visitor({
    ImportDeclaration({ source, specifiers, importKind, start }) {
      addImport(source.value, start, importKind === 'type');
      if (source.value !== 'node:crypto') return;
      for (const { local } of specifiers) {
        uses.push({ file, line: lineAt(start), name: local.name });
      }
    },
    ExportNamedDeclaration({ source, exportKind, start }) {
      if (source !== null) addImport(source.value, start, exportKind === 'type');
    },
    ExportAllDeclaration({ source, exportKind, start }) {
      addImport(source.value, start, exportKind === 'type');
    },
    ImportExpression({ source, start }) {
      addImport(literalOf(source, start), start, false);
    },
    CallExpression({ callee, arguments: [source], start }) {
      if (!isLoader(callee)) return;
      addImport(literalOf(source, start), start, false);
    },
    TSImportType({ source, start }) {
      addImport(source.value, start, true);
    },
    MemberExpression({ object, property, start }) {
      // The last name counts: `globalThis.crypto.randomUUID` is `crypto.randomUUID`.
      const owner = object.type === 'MemberExpression' ? object.property : object;
      if (owner.type !== 'Identifier' || property.type !== 'Identifier') return;
      uses.push({ file, line: lineAt(start), name: `${owner.name}.${property.name}` });
    },
    NewExpression({ callee, arguments: args, start }) {
      if (callee.type === 'Identifier' && callee.name === 'Date' && args.length === 0) {
        uses.push({ file, line: lineAt(start), name: 'new Date()' });
      }
    },
  }).visit(program);
  return { file, imports, uses };
}

/** `require` or `process.getBuiltinModule`. */
function isLoader(callee: Expression): boolean {
  if (callee.type === 'Identifier') return callee.name === 'require';
  if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return false;
  return callee.property.name === 'getBuiltinModule';
}

/** `../shared/x.ts` → `shared/x.ts`; the entry of a package stays as it is. */
function resolveTarget(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return posix.join(posix.dirname(file), specifier);
}
