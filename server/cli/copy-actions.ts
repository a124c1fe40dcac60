import { existsSync } from 'node:fs';
import { ConfigurationError } from '../config/configuration-error.ts';
import { secretPathOf } from '../config/secret.ts';
import { databasePathOf, isPostgres, settingsTable } from '../config/settings.ts';
import { copyDatabase, digestTables, type CopiedRows } from '../store/copy/copy-database.ts';
import { openPostgresSide, openPostgresTarget } from '../store/copy/open-postgres.ts';
import type { Side } from '../store/copy/side.ts';
import { openSqliteSide } from '../store/copy/sqlite-side.ts';
import { explainDatabaseError } from '../store/explain-database-error.ts';
import type { CommandParts } from './command-parts.ts';
import { createCopyProgress } from './copy-progress.ts';
import { formatTable } from './format-table.ts';

interface CopyArgs {
  readonly from: string;
  readonly to?: string | undefined;
  readonly check?: boolean | undefined;
  readonly restart?: boolean | undefined;
}

/** Of a digest, to a person. */
const digestShown = 16;

export async function copy(parts: CommandParts, args: CopyArgs): Promise<void> {
  const { terminal, variables } = parts;
  const places = {
    from: readPlace('--from', args.from),
    to: readPlace('--to', args.to ?? variables['DATABASE_URL']),
  };
  if ([args.from, args.to].some(holdsPassword)) {
    terminal.note(
      'Every user of this machine can read the password of an argument. PGPASSWORD, ~/.pgpass and DATABASE_URL keep it from them.',
    );
  }
  try {
    if (args.check === true) await compare(parts, places);
    else await copyToPostgres(parts, places, args.restart === true);
  } finally {
    terminal.rewriteLine?.('');
  }
}

function holdsPassword(argument: string | undefined): boolean {
  if (argument === undefined || !isPostgres({ database: argument })) return false;
  const { password, searchParams } = new URL(argument);
  return password !== '' || searchParams.has('password');
}

interface Places {
  readonly from: string;
  readonly to: string;
}

async function copyToPostgres(
  { terminal, runtime, variables }: CommandParts,
  { from, to }: Places,
  restart: boolean,
): Promise<void> {
  if (isPostgres({ database: from })) {
    throw new ConfigurationError([
      '--from: PostgreSQL is only copied to, never from. Wanted: file: and a path.',
    ]);
  }
  if (!isPostgres({ database: to })) {
    throw new ConfigurationError([
      '--to: SQLite is only copied from, never to. Wanted: postgres://user@host/database, or DATABASE_URL set to that.',
    ]);
  }
  await using source = await open('--from', async () =>
    openSqliteSide(databasePathOf({ database: from }), { alone: true }),
  );
  await using target = await open('--to', () => openPostgresTarget(to, { restart }));
  terminal.note(`Copying ${describe(from)} to ${describe(to)}.`);
  terminal.note('It may be interrupted: the same command goes on where it was.');
  const copied = await copyDatabase(source, target, createCopyProgress(terminal, runtime));
  terminal.print(
    formatTable([
      ['TABLE', 'ROWS', 'SHA-256'],
      ...copied.map(({ table, rows, digest }) => [table, String(rows), shorten(digest)]),
    ]),
  );
  terminal.note('Both have the same rows. Never start a server on the old one again.');
  terminal.note(`Next: set DATABASE_URL to the new one, and ${describeSecret(from, variables)}.`);
}

/** Without the secret that it was made with, nothing in the new database can be opened. */
function describeSecret(from: string, variables: CommandParts['variables']): string {
  const path = secretPathOf(databasePathOf({ database: from }));
  return variables['LATCHKEY_SECRET'] || !existsSync(path)
    ? 'keep LATCHKEY_SECRET as it is'
    : `LATCHKEY_SECRET to what stands in ${path}`;
}

/** Prints what both have, table by table. */
async function compare({ terminal, runtime }: CommandParts, places: Places): Promise<void> {
  const report = createCopyProgress(terminal, runtime);
  async function read(name: '--from' | '--to', database: string): Promise<readonly CopiedRows[]> {
    await using side = await open(name, () => openForReading(database));
    terminal.note(`Reading ${describe(database)}.`);
    return await digestTables(side, (progress) => report({ step: 'compare', ...progress }));
  }
  const from = await read('--from', places.from);
  const to = await read('--to', places.to);
  const rows = from.map(({ table, ...left }, index) => {
    const right = to[index];
    const isSame = left.rows === right?.rows && left.digest === right.digest;
    return { table, left, right, isSame };
  });
  terminal.print(
    formatTable([
      ['TABLE', 'ROWS FROM', 'ROWS TO', 'SHA-256 FROM', 'SHA-256 TO', 'SAME'],
      ...rows.map(({ table, left, right, isSame }) => [
        table,
        String(left.rows),
        String(right?.rows),
        shorten(left.digest),
        shorten(right?.digest ?? ''),
        isSame ? 'yes' : 'no',
      ]),
    ]),
  );
  const differing = rows.filter(({ isSame }) => !isSame).map(({ table }) => table);
  if (differing.length > 0) {
    throw new ConfigurationError([`They have other rows in ${differing.join(', ')}.`]);
  }
}

async function openForReading(database: string): Promise<Side> {
  return isPostgres({ database })
    ? openPostgresSide(database)
    : openSqliteSide(databasePathOf({ database }), { alone: false });
}

function readPlace(name: '--from' | '--to', given: string | undefined): string {
  const { schema, wanted } = settingsTable.database;
  const parsed = schema.safeParse(given || null);
  if (!parsed.success || parsed.data === ':memory:') {
    const problem = given ? 'not valid' : 'missing, and DATABASE_URL is not set';
    throw new ConfigurationError([
      `${name}: ${problem}. Wanted: ${wanted.replace(' or :memory:,', '')}.`,
    ]);
  }
  return parsed.data;
}

/** Where a database is, without who opens it and how. */
function describe(database: string): string {
  if (!isPostgres({ database })) return databasePathOf({ database });
  const { host, pathname } = new URL(database);
  return `${host}${pathname}`;
}

function shorten(digest: string): string {
  return digest === '' ? '-' : digest.slice(0, digestShown);
}

async function open<T extends Side>(
  name: '--from' | '--to',
  work: () => Promise<T>,
): Promise<T & AsyncDisposable> {
  const side = await named(name, work);
  // A side has methods alone, and each gets the arguments and gives the answer that it did.
  const methods = Object.entries(side as unknown as Readonly<Record<string, Method>>);
  const told = methods.map(
    ([key, method]) =>
      [key, (...args: readonly unknown[]) => named(name, () => method(...args))] as const,
  );
  return {
    ...(Object.fromEntries(told) as unknown as T),
    [Symbol.asyncDispose]: () => side.close(),
  };
}

type Method = (...args: readonly unknown[]) => Promise<unknown>;

/** What is wrong with a database is told by the option that named it. */
async function named<T>(name: '--from' | '--to', work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const explained = explainDatabaseError(error);
    if (!(explained instanceof ConfigurationError)) throw explained;
    const problems = explained.problems.map((line) => line.replaceAll(/\bDATABASE_URL\b/g, name));
    throw new ConfigurationError(problems, { cause: error });
  }
}
