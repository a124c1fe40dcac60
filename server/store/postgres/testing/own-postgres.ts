import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, globSync } from 'node:fs';
import { appendFile, chmod, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A PostgreSQL of the test's own. */
export interface OwnPostgres extends AsyncDisposable {
  readonly port: number;
  /** As the owner, through a socket that only this server has. */
  readonly ownerUrl: string;
  /** Everything that it has logged. */
  log(): string;
}

/** The folder of the newest, as Debian lays them; a path of one's own first. */
const binaries =
  process.env['LATCHKEY_TEST_POSTGRES_BIN'] ??
  globSync('/usr/lib/postgresql/*/bin').toSorted().at(-1) ??
  '/usr/local/bin';

/** Why tests that start a PostgreSQL are skipped, or null. */
export function findOwnPostgresProblem(): string | null {
  if (!existsSync(join(binaries, 'initdb'))) {
    return 'no initdb in /usr/lib/postgresql/*/bin (apt-get install postgresql)';
  }
  return findIdentity() === null ? 'root may not run it, and there is no user postgres' : null;
}

/** As whom to run what root may not run; null where there is nobody. */
export function findIdentity(): { readonly uid?: number; readonly gid?: number } | null {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = ['-u', '-g'].map((option) => spawnSync('id', [option, 'postgres']));
  if (uid?.status !== 0 || gid?.status !== 0) return null;
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

/**
 * Starts one whose `pg_hba.conf` has these lines, and one for its owner's socket before them.
 *
 * @param files copied into its folder, where settings may name them
 */
export async function startOwnPostgres(given: {
  readonly access: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
  readonly files: readonly string[];
}): Promise<OwnPostgres> {
  const identity = findIdentity() ?? {};
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-postgres-'));
  const data = join(folder, 'data');
  const port = await findFreePort();
  if (identity.uid !== undefined) chownSync(folder, identity.uid, identity.gid ?? 0);
  const made = spawnSync(
    join(binaries, 'initdb'),
    [`--pgdata=${data}`, '--username=owner', '--auth=trust', '--no-sync', '--locale=C.UTF-8'],
    { ...identity, cwd: folder },
  );
  if (made.status !== 0) throw new Error(`No cluster was made: ${made.stderr.toString()}`);
  for (const file of given.files) {
    const copied = join(data, file.slice(file.lastIndexOf('/') + 1));
    await cp(file, copied);
    // It takes no key that others may read.
    await chmod(copied, 0o600);
    if (identity.uid !== undefined) chownSync(copied, identity.uid, identity.gid ?? 0);
  }
  const settings = {
    fsync: 'off',
    listen_addresses: '127.0.0.1',
    port: `${port}`,
    unix_socket_directories: folder,
    ...given.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
  await appendFile(join(data, 'postgresql.conf'), [...lines, ''].join('\n'));
  const access = ['local all owner trust', ...given.access, ''];
  await writeFile(join(data, 'pg_hba.conf'), access.join('\n'));
  const child = spawn(join(binaries, 'postgres'), ['-D', data], {
    ...identity,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`PostgreSQL did not start: ${log}`)));
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      log += piece;
      if (log.includes('ready to accept connections')) resolve();
    });
  });
  return {
    port,
    ownerUrl: `postgres://owner@/postgres?host=${folder}&port=${port}`,
    log: () => log,
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit');
      // The one that ends its own children and removes its shared memory.
      child.kill('SIGQUIT');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // Of a TCP server that listens.
  server.close();
  await once(server, 'close');
  return port;
}
