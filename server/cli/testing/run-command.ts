import { runCommandLine } from '../command-line.ts';
import type { CommandParts } from '../command-parts.ts';
import { createRootCommand } from '../root-command.ts';

/** Who sits at the terminal, if anybody. */
export interface Person {
  /** What comes through a pipe while nobody is there. */
  readonly input?: string;
  /** What somebody answers, question by question; `null` is Ctrl+C. */
  readonly answers?: readonly (string | boolean | null)[];
}

export interface Outcome {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `latchkey` with these words in this process. */
export async function runCommand(
  parts: Pick<CommandParts, 'runtime' | 'variables'>,
  words: readonly string[],
  { input, answers }: Person = {},
): Promise<Outcome> {
  const left = [...(answers ?? [])];
  const out: string[] = [];
  const err: string[] = [];
  const terminal: CommandParts['terminal'] = {
    isInteractive: answers !== undefined,
    print: (text) => out.push(text),
    note: (text) => err.push(text),
    rewriteLine: null,
    confirm: async () => left.shift() === true,
    askPassword: async () => {
      const answer = left.shift();
      return typeof answer === 'string' ? answer : null;
    },
    readInput: async () => input ?? '',
  };
  const exitCode = await runCommandLine(createRootCommand({ ...parts, terminal }), words, terminal);
  return { exitCode, out: out.join('\n'), err: err.join('\n') };
}
