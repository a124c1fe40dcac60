import type {
  Class,
  ClassElement,
  Declaration,
  Directive,
  Statement,
  TSInterfaceDeclaration,
  TSSignature,
} from 'oxc-parser';
import { code, page } from './markdown.ts';
import { readSource, resolveImport, type Doc, type SourceFile } from './read-comments.ts';

/** Something that an entry of the package exports. */
interface Export {
  readonly name: string;
  /** Where it is declared. */
  readonly file: string;
  readonly doc: Doc | null;
  /** The declaration without bodies and without what is internal. */
  readonly declaration: string;
}

/** Longer values are left out: they are code, and not what somebody calls. */
const maxValueLines = 14;

/** What an entry of the package exports, with the comments and declarations of the source. */
export function createExportsPage(
  title: string,
  intro: string,
  entries: Readonly<Record<string, string>>,
): string {
  const sections = Object.entries(entries).flatMap(([entry, path]) => {
    const all = listExports(path);
    const isOfContract = ({ file }: Export): boolean =>
      file.startsWith('shared/') && !path.startsWith('shared/');
    const shared = all.filter(isOfContract).map(({ name }) => code(name));
    return [
      `## ${code(entry)}`,
      ...all.filter((found) => !isOfContract(found)).map(describe),
      ...(shared.length > 0
        ? [`Also, as in [latchkey/schemas](schemas.md): ${shared.join(', ')}.`]
        : []),
    ];
  });
  return page(title, intro, ...sections);
}

function describe({ name, doc, declaration }: Export): string {
  const about = (tag: string): string[] =>
    (doc?.tags ?? []).filter((found) => found.name === tag).map(({ text }) => text);
  const throws = about('throws').map((text) => `Throws ${text}`);
  const returns = about('returns').map((text) => `Returns ${text}`);
  const parameters = about('param').map((text) => `- ${text.replace(/^(\S+)/, '`$1`:')}`);
  return [
    `### ${code(name)}`,
    ...(doc?.text ? [doc.text] : []),
    ...(parameters.length > 0 ? [parameters.join('\n')] : []),
    ...returns,
    ...throws,
    ['```typescript', declaration, '```'].join('\n'),
    // Fragments, which nobody compiles.
    ...about('example').map((text) => text.replace(/^```tsx?$/m, '```typescript')),
  ].join('\n\n');
}

function listExports(path: string): Export[] {
  const source = readSource(path);
  return source.program.body.flatMap((statement) => {
    if (statement.type !== 'ExportNamedDeclaration') return [];
    if (statement.declaration) return [read(source, statement.start, statement.declaration)];
    return statement.specifiers.flatMap(({ exported, local }) => {
      if (!statement.source) throw new Error(`${path} exports what it does not declare there.`);
      const found = findExport(resolveImport(path, statement.source.value), nameOf(local));
      const name = nameOf(exported);
      return found.doc?.tags.some((tag) => tag.name === 'internal') ? [] : [{ ...found, name }];
    });
  });
}

function findExport(path: string, name: string): Export {
  const source = readSource(path);
  for (const statement of source.program.body) {
    const found = declares(statement, name);
    if (found) return read(source, statement.start, found);
  }
  const passedOn = listExports(path).find((known) => known.name === name);
  if (!passedOn) throw new Error(`${path} does not export ${name}.`);
  return passedOn;
}

function declares(statement: Directive | Statement, name: string): Declaration | null {
  if (statement.type !== 'ExportNamedDeclaration' || !statement.declaration) return null;
  return namesOf(statement.declaration).includes(name) ? statement.declaration : null;
}

function namesOf(declaration: Declaration): string[] {
  if (declaration.type === 'VariableDeclaration') {
    return declaration.declarations.map(({ id }) => (id.type === 'Identifier' ? id.name : ''));
  }
  return 'id' in declaration && declaration.id && 'name' in declaration.id
    ? [declaration.id.name]
    : [];
}

function read(source: SourceFile, start: number, declaration: Declaration): Export {
  const [name = ''] = namesOf(declaration);
  return {
    name,
    file: source.path,
    doc: source.docBefore(start),
    declaration: print(source, declaration),
  };
}

function print(source: SourceFile, declaration: Declaration): string {
  const { text } = source;
  const whole = text.slice(declaration.start, declaration.end);
  switch (declaration.type) {
    case 'FunctionDeclaration':
      return text.slice(declaration.start, declaration.body?.start).trim();
    case 'ClassDeclaration':
    case 'TSInterfaceDeclaration':
      return withoutBodies(source, declaration);
    case 'VariableDeclaration': {
      const [variable] = declaration.declarations;
      const isShort = whole.split('\n').length <= maxValueLines;
      return isShort ? whole : `${text.slice(declaration.start, variable?.init?.start)}…`;
    }
    default:
      return whole;
  }
}

/** A class without the bodies of its methods, an interface as it is; both without what is internal. */
function withoutBodies(source: SourceFile, declaration: Class | TSInterfaceDeclaration): string {
  let printed = '';
  let from = declaration.start;
  const members: readonly (ClassElement | TSSignature)[] = declaration.body.body;
  for (const member of members) {
    const doc = source.docBefore(member.start);
    if (doc?.tags.some((tag) => tag.name === 'internal')) {
      printed += source.text.slice(from, doc.start).trimEnd();
      from = member.end;
    } else if (member.type === 'MethodDefinition' && member.value.body) {
      printed += `${source.text.slice(from, member.value.body.start).trimEnd()};`;
      from = member.end;
    }
  }
  return printed + source.text.slice(from, declaration.end);
}

function nameOf(name: { readonly type: string }): string {
  if ('name' in name) return String(name.name);
  return 'value' in name ? String(name.value) : '';
}
