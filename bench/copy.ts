import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import { Client } from 'pg';
import { compose, type Composition } from '../server/compose.ts';
import { createSecret, deriveKey } from '../server/config/secret.ts';
import { silentLogger } from '../server/logger.ts';
import { createRuntime } from '../server/runtime.ts';
import { refreshSession } from '../server/sessions/refresh-session.ts';
import { createRefreshTokens } from '../server/tokens/refresh-token.ts';
import { createSealer } from '../server/tokens/seal.ts';
import { seedDatabase } from './seed.ts';

// `npm run bench:copy`: moves 100,000 users with ten sessions each from SQLite to PostgreSQL by
// `latchkey copy`, killed on the way and started again, compares what both have, and then
// refreshes every session on PostgreSQL with the token that it had on SQLite. Wants a server where
// it may make databases, named by LATCHKEY_TEST_POSTGRES, and takes a quarter of an hour;
// `-- --users 1000` a few seconds.
const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '100000' },
    sessions: { type: 'string', default: '10' },
    kills: { type: 'string', default: '3' },
  },
});
const size = { users: Number(values.users), sessions: Number(values.sessions) };
const kills = Number(values.kills);
const atOnce = 32;
const nowhere = { ip: null, userAgent: null };
const command = fileURLToPath(new URL('../server/cli/main.ts', import.meta.url));
const serverUrl =
  process.env['LATCHKEY_TEST_POSTGRES'] ?? 'postgres://root@127.0.0.1:5432/postgres';

const runtime = createRuntime();
const secret = createSecret(runtime);
const folder = await mkdtemp(join(tmpdir(), 'latchkey-copy-'));
const path = join(folder, 'latchkey.db');
const name = `latchkey_copy_${runtime.newId().replaceAll('-', '')}`;
const target = new URL(serverUrl);
target.pathname = `/${name}`;
const server = new Client({ connectionString: serverUrl });
await server.connect();
await server.query(`CREATE DATABASE ${name}`);
const watcher = new Client({ connectionString: target.href });
await watcher.connect();
try {
  await seed();
  await copyWithKills();
  await runCommand('copy', '--check', `--from=file:${path}`, `--to=${target.href}`);
  await refreshAll();
  await runCommand('audit', 'verify');
} finally {
  await watcher.end();
  await server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await server.end();
  await rm(folder, { recursive: true, force: true });
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function seed(): Promise<void> {
  // A server's first start makes the keys.
  await (await open(`file:${path}`)).close();
  const sealer = createSealer(
    deriveKey(new Uint8Array(Buffer.from(secret, 'base64url')), 'seal'),
    runtime,
  );
  const { createTokenKey } = createRefreshTokens(sealer, runtime);
  await seedDatabase(path, size, { report() {}, createTokenKey });
  say(`${size.users} users with ${size.sessions} sessions each are on SQLite.`);
}

function open(database: string): Promise<Composition<string>> {
  return compose({ database, secret, rateLimits: false, logger: silentLogger });
}

/** The copy, killed where an equal part of the rows has come each time. */
async function copyWithKills(): Promise<void> {
  let runningMs = 0;
  const rows = size.users * (size.sessions + 1);
  for (let kill = 1; kill <= kills + 1; kill += 1) {
    const startedAt = performance.now();
    const child = start('copy', `--from=file:${path}`, `--to=${target.href}`);
    const ended = once(child, 'exit');
    if (kill <= kills) {
      await untilCopied((rows * kill) / (kills + 1), child);
      child.kill('SIGKILL');
    }
    await ended;
    const ms = performance.now() - startedAt;
    runningMs += ms;
    if (kill <= kills) say(`Killed after ${seconds(ms)}, with ${await copiedRows()} rows copied.`);
    else if (child.exitCode !== 0) throw new Error('The copy failed.');
  }
  say(`Copied and compared in ${seconds(runningMs)}, of which the last run took its part.`);
}

function start(...words: string[]): ChildProcess {
  return spawn(process.execPath, [command, ...words], {
    stdio: 'inherit',
    env: { ...process.env, DATABASE_URL: target.href, LATCHKEY_SECRET: secret },
  });
}

async function runCommand(...words: string[]): Promise<void> {
  const child = start(...words);
  await once(child, 'exit');
  if (child.exitCode !== 0) throw new Error(`latchkey ${words[0]} failed.`);
}

async function copiedRows(): Promise<number> {
  const { rows } = await watcher.query<{ there: boolean }>(
    "SELECT to_regclass('copy_progress') IS NOT NULL AS there",
  );
  if (rows[0]?.there !== true) return 0;
  const copied = await watcher.query<{ rows: string }>(
    'SELECT sum(rows) AS rows FROM copy_progress',
  );
  return Number(copied.rows[0]?.rows);
}

async function untilCopied(rows: number, child: ChildProcess): Promise<void> {
  while ((await copiedRows()) < rows && child.exitCode === null) await runtime.delay(20);
}

/** Every session of the source, refreshed on the target by the token that its user holds. */
async function refreshAll(): Promise<void> {
  // What is measured is that each works, and not how fast a disk is.
  await server.query(`ALTER DATABASE ${name} SET synchronous_commit = off`);
  const source = new Database(path, { readonly: true });
  const composition = await open(target.href);
  const startedAt = performance.now();
  let refreshed = 0;
  try {
    const sessions = source
      .prepare<[], { id: string; counter: number; sealedTokenKey: Buffer }>(
        'SELECT id, counter, sealed_token_key AS sealedTokenKey FROM sessions',
      )
      .iterate();
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (const session of sessions) {
          const token = composition.accounts.refreshTokens.issue(session);
          await refreshSession(composition.accounts, token, nowhere);
          refreshed += 1;
          if (refreshed % 100_000 === 0) say(`${refreshed} sessions refreshed`);
        }
      }),
    );
  } finally {
    source.close();
    await composition.close();
  }
  const ms = performance.now() - startedAt;
  say(
    `${refreshed} of ${size.users * size.sessions} sessions refreshed in ${seconds(ms)}, none refused.`,
  );
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
