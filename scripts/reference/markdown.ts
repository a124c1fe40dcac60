/** A table of Markdown; what would end a cell is escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('\n', ' ').replaceAll('|', String.raw`\|`);
}

export function code(text: string): string {
  return `\`${text}\``;
}

/** A page of the reference: its title, what is written by hand, and what comes out of the source. */
export function page(title: string, intro: string, ...sections: readonly string[]): string {
  const origin = 'Written by `npm run reference` from the source: change it there.';
  return `${[`# ${title}`, intro, `*${origin}*`, ...sections].join('\n\n')}\n`;
}
