import type { z } from 'zod';
import { serverVariables } from '../../server/config/environment.ts';
import { settingsTable } from '../../server/config/settings.ts';
import { code, page, table } from './markdown.ts';
import { readEntryDocs } from './read-comments.ts';

/** Options of `createLatchkey` and variables of the environment. */
export function createOptionsPage(): string {
  const about = readEntryDocs('server/config/settings.ts', 'schema');
  const variables = readEntryDocs('server/config/environment.ts', 'serverVariables');
  const library = readEntryDocs('server/compose.ts', 'LatchkeyOptions');
  return page(
    'Options and environment variables',
    `A server of its own (\`npm start\`, \`npx latchkey start\`) and the command line read the environment; as a
library the same settings are options of \`createLatchkey\`, which reads \`LATCHKEY_SECRET\` and \`NODE_ENV\` of
the environment and nothing else. An empty variable is one that is not set. A list is separated by commas.
What is wrong is said in one line each, with the name and never the value, and nothing starts.`,
    '## Settings',
    table(
      ['option', 'variable', 'what it is', 'valid', 'default'],
      Object.entries(settingsTable).map(([name, { env, wanted, schema }]) => [
        code(name),
        code(env),
        about.get(name) ?? '',
        wanted.replaceAll('<', '&lt;'),
        defaultOf(schema),
      ]),
    ),
    '## Of the library alone',
    table(
      ['option', 'what it is'],
      [...library].map(([name, text]) => [code(name), text]),
    ),
    '## Of a server of its own alone',
    table(
      ['variable', 'what it is', 'valid', 'default'],
      Object.entries(serverVariables).map(([name, { wanted, schema }]) => [
        code(name),
        variables.get(name) ?? '',
        wanted.replaceAll('<', '&lt;'),
        defaultOf(schema),
      ]),
    ),
    `\`LATCHKEY_SECRET\` is the option \`secret\`. What a client takes is in [latchkey/client](client.md), the limits
by name in [limits](limits.md).`,
  );
}

function defaultOf(schema: z.ZodType): string {
  const { data } = schema.safeParse(undefined);
  if (typeof data !== 'string' && typeof data !== 'number' && typeof data !== 'boolean') {
    return 'none';
  }
  const days = Number(data) / 86_400;
  const inDays = days >= 1 && Number.isInteger(days) ? ` (${days} days)` : '';
  return `${code(String(data))}${inDays}`;
}
