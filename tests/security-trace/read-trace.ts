/** A row of `docs/security/asvs.md`: one requirement. */
export interface TraceRow {
  readonly id: string;
  readonly level: string;
  readonly state: string;
  readonly note: string;
  /** Where it is shown, as `file :: title of a test`. */
  readonly shownBy: readonly { readonly file: string; readonly title: string }[];
}

/** The cells of each row of each table, without the headings. */
export function readTables(markdown: string): string[][] {
  const lines = markdown.split('\n');
  return lines
    .filter((line, index) => line.startsWith('|') && !/^\|( -+ \|)+$/.test(lines[index + 1] ?? ''))
    .filter((line) => !/^\|( -+ \|)+$/.test(line))
    .map((line) => line.slice(1, -1).split('|'))
    .map((cells) => cells.map((cell) => cell.trim()));
}

/** What stands in backticks. */
export function readCode(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

/** The part of a document below a heading, up to the next one. */
export function readSection(markdown: string, heading: string): string {
  const [, after] = markdown.split(`\n## ${heading}\n`);
  if (after === undefined) throw new Error(`There is no heading "${heading}".`);
  return after.split('\n## ', 1)[0] ?? '';
}

export function readTrace(markdown: string): TraceRow[] {
  return readTables(markdown).flatMap(
    ([id = '', level = '', , state = '', note = '', shown = '']) =>
      /^\d+\.\d+\.\d+$/.test(id)
        ? [{ id, level, state, note, shownBy: readCode(shown).map(splitReference) }]
        : [],
  );
}

function splitReference(reference: string): TraceRow['shownBy'][number] {
  const [file = '', title = ''] = reference.split(' :: ');
  return { file, title };
}
