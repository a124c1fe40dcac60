import { parseArgs } from 'node:util';
import { renderUsage, runCommand, type ArgsDef, type CommandDef, type CommandMeta } from 'citty';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { reasons } from '../../shared/reasons.ts';
import { ConfigurationError } from '../config/configuration-error.ts';
import { describeError } from '../logger.ts';
import { assertNode } from './assert-node.ts';
import type { Terminal } from './terminal.ts';

/** A command as ours are written: its parts stand there, and no function has to be called for them. */
export interface Command {
  readonly meta: CommandMeta;
  readonly args?: ArgsDef;
  readonly subCommands?: Readonly<Record<string, Command>>;
  readonly run?: NonNullable<CommandDef['run']>;
}

/** A command and how a person called it. */
interface Call {
  readonly command: Command;
  /** Such as `latchkey user list`. */
  readonly path: string;
  /** What stands behind the path. */
  readonly rest: readonly string[];
}

/**
 * Types a command by its own arguments; in the tree of commands each stands without them,
 * because only citty, which reads them, calls `run`.
 */
export function defineLeaf<const Args extends ArgsDef>(
  leaf: Omit<CommandDef<Args>, 'meta' | 'args'> & {
    readonly meta: CommandMeta;
    readonly args?: Args;
  },
): Command {
  return leaf as unknown as Command;
}

/**
 * Runs what a command line says, and tells what went wrong and what to do.
 *
 * @param root the command that holds all others
 * @returns the exit code: 0, or 1 when it was refused or failed
 */
export async function runCommandLine(
  root: Command,
  rawArgs: readonly string[],
  terminal: Pick<Terminal, 'print' | 'note'>,
): Promise<number> {
  const call = findCall({ command: root, path: root.meta.name ?? '', rest: rawArgs });
  const { command, path, rest } = call;
  try {
    assertKnownCommand(call);
    if (rest.includes('--help') || rest.includes('-h')) {
      const usage = await renderUsage({ ...command, meta: { ...command.meta, name: path } });
      // citty fills every line up to the longest.
      terminal.print(usage.replaceAll(/ +$/gm, ''));
    } else if (command === root && rest[0] === '--version') {
      terminal.print(root.meta.version ?? '');
    } else {
      assertArguments(call);
      assertNode(process.versions.node);
      await runCommand(command, { rawArgs: [...rest] });
    }
    return 0;
  } catch (error) {
    for (const line of explain(error, path)) terminal.note(line);
    return 1;
  }
}

/** Goes down from a group to the command that is meant, as far as there is one. */
function findCall(call: Call): Call {
  const { command, path, rest } = call;
  const [name = '', ...others] = rest;
  const commands = command.subCommands ?? {};
  const inner = Object.hasOwn(commands, name) ? commands[name] : undefined;
  return inner ? findCall({ command: inner, path: `${path} ${name}`, rest: others }) : call;
}

function assertKnownCommand({ command, path, rest }: Call): void {
  const [name] = rest;
  if (!command.subCommands || name?.startsWith('-')) return;
  const called = name === undefined ? path : `${path} ${name}`;
  const problem = name === undefined ? 'no command was given' : 'there is no such command';
  const wanted = Object.keys(command.subCommands).join(', ');
  throw new ConfigurationError([
    `${called}: ${problem}. Wanted: ${wanted}. "npx ${path} --help" explains them.`,
  ]);
}

/** citty takes whatever it is given; a wrong word must not change what a command does. */
function assertArguments({ command: { args = {} }, path, rest }: Call): void {
  const entries = Object.entries(args);
  const options = Object.fromEntries(
    entries.flatMap(([name, { type }]) =>
      type === 'positional'
        ? []
        : [[name, { type: type === 'boolean' ? type : 'string' }] as const],
    ),
  );
  const { tokens } = parseArgs({ args: [...rest], options, strict: false, tokens: true });
  const problems: string[] = [];
  let positionals = entries.length - Object.keys(options).length;
  for (const token of tokens) {
    if (token.kind === 'positional') {
      positionals -= 1;
      if (positionals < 0) problems.push(`${token.value}: one argument too many.`);
    } else if (token.kind === 'option') {
      const { rawName, value, inlineValue } = token;
      const type = Object.hasOwn(options, token.name) ? options[token.name]?.type : undefined;
      if (!type) problems.push(`${rawName}: there is no such option.`);
      else if (type === 'boolean' && inlineValue) problems.push(`${rawName}: it takes no value.`);
      else if (
        type === 'string' &&
        (value === undefined || (!inlineValue && value.startsWith('-')))
      ) {
        problems.push(`${rawName}: its value is missing. Wanted: ${rawName}=VALUE.`);
      }
    }
  }
  if (problems.length > 0) {
    throw new ConfigurationError(problems.map((line) => `${line} ${helpFor(path)}`));
  }
}

function helpFor(path: string): string {
  return `"npx ${path} --help" shows how.`;
}

function explain(error: unknown, path: string): readonly string[] {
  if (error instanceof ConfigurationError) return error.problems;
  if (error instanceof LatchkeyError) return explainRefusal(error);
  // citty's own complaint about what is missing; it does not export the class.
  if (error instanceof Error && error.name === 'CLIError') {
    return [`${error.message.replace(/\.?$/, '.')} ${helpFor(path)}`];
  }
  return [`Something went wrong that should not: ${JSON.stringify(describeError(error))}`];
}

/** The messages are written for callers of the server; some mean something else here. */
function explainRefusal({ reason, detail, issues = [] }: LatchkeyError): readonly string[] {
  switch (reason) {
    case 'invalid_input':
      return issues.map(({ path, message }) => `${path.join('.')}: ${message}.`);
    case 'weak_password':
      return [`password: too easy to guess (${detail}). Wanted: a longer or less common one.`];
    case 'not_found':
      return ['There is no such user. "npx latchkey user list --search=TEXT" finds one.'];
    case 'email_taken':
      return ['email: another account has it. Wanted: another address.'];
    case 'overloaded':
      return [
        'DATABASE_URL: the database cannot do this now. "npx latchkey doctor" says what is wrong with it.',
      ];
    default:
      return [reasons[reason].message];
  }
}
