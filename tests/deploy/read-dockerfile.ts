/** One line of a Dockerfile, continued lines joined. */
export interface Instruction {
  /** Such as `COPY`. */
  readonly name: string;
  /** Flags such as `--from=build`, by their names. */
  readonly flags: ReadonlyMap<string, string>;
  readonly text: string;
}

/** What is built from one `FROM` to the next. */
export interface Stage {
  /** The name behind `AS`, or its number. */
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

/** Reads what `deploy/Dockerfile` is made of: no heredocs, no ARG. */
export function readDockerfile(text: string): Stage[] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n');
  const stages: { name: string; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (name === 'FROM') {
      const [, as = String(stages.length)] = / AS (\S+)$/.exec(rest) ?? [];
      stages.push({ name: as, instructions: [] });
      continue;
    }
    const [flagText = ''] = /^(--\S+\s+)*/.exec(rest) ?? [];
    const flags = flagText.matchAll(/--(?<flag>[\w-]+)=(?<value>\S+)/g);
    stages.at(-1)?.instructions.push({
      name,
      flags: new Map(
        [...flags].map(({ groups }) => [groups?.['flag'] ?? '', groups?.['value'] ?? '']),
      ),
      text: rest.slice(flagText.length),
    });
  }
  return stages;
}
