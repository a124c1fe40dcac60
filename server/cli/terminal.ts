import { stripVTControlCharacters } from 'node:util';
import { confirm, isCancel, password } from '@clack/prompts';
import { ConfigurationError } from '../config/configuration-error.ts';

/** Passwords and hashes are shorter; whoever sends more has sent the wrong thing. */
const maxInputBytes = 8_192;

/** Where the command line reads and writes, so that a test can sit in for a person. */
export interface Terminal {
  /** Whether somebody is there to be asked. */
  readonly isInteractive: boolean;
  /** What was asked for, to stdout. */
  print(text: string): void;
  /** What is said beside it, to stderr. */
  note(text: string): void;
  /** Writes over what it wrote last, to stderr; `null` where that is no terminal. Ends with `''`. */
  readonly rewriteLine: ((text: string) => void) | null;
  /** `false` for no and for Ctrl+C. */
  confirm(question: string): Promise<boolean>;
  /** What is typed stays hidden; `null` for Ctrl+C. */
  askPassword(question: string): Promise<string | null>;
  /**
   * All of stdin without the line end behind it.
   *
   * @throws ConfigurationError when it is too long or no UTF-8
   */
  readInput(): Promise<string>;
}

/** The terminal of this process. Questions go to stderr, so that stdout holds the answer alone. */
export function createTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  return {
    isInteractive: stdin.isTTY && stderr.isTTY,
    print: (text) => write(stdout, text),
    note: (text) => write(stderr, text),
    // What does not fit is cut off: a line that wraps cannot be written over.
    rewriteLine: stderr.isTTY
      ? (text) => stderr.write(`\r\u001B[K\u001B[?7l${text}\u001B[?7h`)
      : null,
    async confirm(message) {
      const answer = await confirm({ message, initialValue: false, input: stdin, output: stderr });
      return answer === true;
    },
    async askPassword(message) {
      const answer = await password({ message, input: stdin, output: stderr });
      return isCancel(answer) ? null : answer;
    },
    async readInput() {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of stdin as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > maxInputBytes) throw refuseInput(`longer than ${maxInputBytes} bytes`);
        chunks.push(chunk);
      }
      try {
        const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
        return text.replace(/\r?\n$/, '');
      } catch {
        throw refuseInput('not UTF-8'); // That is all that the decoder refuses.
      }
    },
  };
}

function refuseInput(problem: string): ConfigurationError {
  return new ConfigurationError([`stdin: ${problem}. Wanted: the text itself, and nothing else.`]);
}

/** Colours are for people; citty would also put them into a file. */
function write(stream: NodeJS.WriteStream, text: string): void {
  stream.write(`${stream.isTTY ? text : stripVTControlCharacters(text)}\n`);
}
