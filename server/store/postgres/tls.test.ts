import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startProcess } from '../../../tests/contract/server-process.ts';
import {
  createAuthority,
  type Authority,
  type CertificateFiles,
} from '../../../tests/kit/authority.ts';
import { createAuditChain } from '../../audit/audit-chain.ts';
import { ConfigurationError } from '../../config/configuration-error.ts';
import { createRuntime } from '../../runtime.ts';
import { inspectPostgres } from './inspect-database.ts';
import { openPool } from './open-database.ts';
import { openPostgresStore } from './open-postgres-store.ts';
import {
  findOwnPostgresProblem,
  startOwnPostgres,
  type OwnPostgres,
} from './testing/own-postgres.ts';
import { queryOnce } from './testing/postgres-database.ts';

// Making a cluster takes seconds where many do.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const problem = findOwnPostgresProblem();
if (problem !== null) process.stderr.write(`Skipped: TLS to PostgreSQL: ${problem}.\n`);

const runtime = createRuntime();
const password = 'hunter2-of-the-url';

/** What the driver says of itself would stand in the log of whoever runs a server. */
const warnings: string[] = [];
const onWarning = (warning: Error) => void warnings.push(warning.message);

describe.skipIf(problem !== null)('a server that takes nobody without TLS', () => {
  let folder: string;
  let authority: Authority;
  let stranger: Authority;
  let postgres: OwnPostgres;
  let client: CertificateFiles;
  beforeAll(async () => {
    process.on('warning', onWarning);
    folder = await mkdtemp(join(tmpdir(), 'latchkey-tls-'));
    authority = createAuthority(folder, 'authority');
    stranger = createAuthority(folder, 'stranger');
    client = authority.sign('certified');
    const own = authority.sign('server', 'DNS:localhost');
    const replacement = stranger.sign('server', 'DNS:localhost');
    postgres = await startOwnPostgres({
      access: [
        'hostssl all certified 127.0.0.1/32 cert',
        'hostssl all ada 127.0.0.1/32 scram-sha-256',
      ],
      settings: {
        ssl: 'on',
        ssl_cert_file: 'authority-server.pem',
        ssl_key_file: 'authority-server.key',
        ssl_ca_file: 'authority.pem',
      },
      files: [authority.certificate, ...Object.values(own), ...Object.values(replacement)],
    });
    await queryOnce(postgres.ownerUrl, `CREATE ROLE ada LOGIN PASSWORD '${password}'`);
    await queryOnce(postgres.ownerUrl, 'CREATE ROLE certified LOGIN');
    await queryOnce(postgres.ownerUrl, 'CREATE DATABASE latchkey OWNER ada');
    await queryOnce(postgres.ownerUrl, 'GRANT ada TO certified');
  });
  afterAll(async () => {
    process.off('warning', onWarning);
    await postgres[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  interface Parameters {
    readonly host?: string;
    readonly user?: string;
    readonly [name: string]: string | undefined;
  }

  function urlOf({ host = 'localhost', user = `ada:${password}`, ...parameters }: Parameters) {
    const given = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
    return `postgres://${user}@${host}:${postgres.port}/latchkey?${given.join('&')}`;
  }

  /** `tls`, or what whoever starts a server reads, which holds nothing of the password. */
  async function outcomeOf(url: string): Promise<string> {
    try {
      const { pool } = await openPool(url, 1);
      const { rows } = await pool.query<{ ssl: boolean }>(
        'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
      );
      await pool.end();
      return rows[0]?.ssl === true ? 'tls' : 'no tls';
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(password);
      return String(error);
    }
  }

  const untrusted = /certificate of the server is not one to trust.*sslrootcert/;
  const refused = /does not let this user in.*wants TLS \(sslmode\)/;

  // PostgreSQL, libpq, "SSL Support", table 34.1; without an authority the stricter one.
  test.for<readonly [string | undefined, Record<'own' | 'ip' | 'other' | 'none', 'tls' | RegExp>]>([
    [undefined, { own: 'tls', ip: untrusted, other: untrusted, none: refused }],
    ['disable', { own: refused, ip: refused, other: refused, none: refused }],
    ['allow', { own: 'tls', ip: untrusted, other: untrusted, none: untrusted }],
    ['prefer', { own: 'tls', ip: untrusted, other: untrusted, none: untrusted }],
    ['require', { own: 'tls', ip: 'tls', other: untrusted, none: untrusted }],
    ['verify-ca', { own: 'tls', ip: 'tls', other: untrusted, none: untrusted }],
    ['verify-full', { own: 'tls', ip: untrusted, other: untrusted, none: untrusted }],
    ['no-verify', { own: 'tls', ip: 'tls', other: 'tls', none: 'tls' }],
  ])('sslmode=%s', async ([sslmode, expected]) => {
    const mode = sslmode === undefined ? {} : { sslmode };
    const own = { ...mode, sslrootcert: authority.certificate };
    const other = { ...mode, sslrootcert: stranger.certificate };
    const host = '127.0.0.1'; // Which the certificate does not name.
    for (const [url, wanted] of [
      [urlOf(own), expected.own],
      [urlOf({ ...own, host }), expected.ip],
      [urlOf(other), expected.other],
      [urlOf({ ...other, host }), expected.other],
      [urlOf(mode), expected.none],
    ] as const) {
      expect(await outcomeOf(url)).toMatch(wanted);
    }
    expect(warnings).toEqual([]);
  });

  test('the last of several modes counts, and none that there is not', async () => {
    const own = urlOf({ sslrootcert: authority.certificate, host: '127.0.0.1' });
    expect(await outcomeOf(`${own}&sslmode=verify-full&sslmode=verify-ca`)).toBe('tls');
    expect(await outcomeOf(`${own}&sslmode=verify-ca&sslmode=verify-full`)).toMatch(untrusted);
    expect(await outcomeOf(`${own}&sslmode=verify_full`)).toMatch(
      /sslmode is not one.*verify-full/,
    );
    expect(await outcomeOf(urlOf({ ssl: 'false' }))).toMatch(/ssl is not .*sslmode=disable/);
    expect(await outcomeOf(urlOf({ ssl: 'true' }))).toMatch(untrusted);
  });

  test('what the machine trusts is what sslrootcert=system is', async () => {
    expect(await outcomeOf(urlOf({ sslrootcert: 'system' }))).toMatch(untrusted);
    expect(await outcomeOf(urlOf({ sslrootcert: 'system', sslmode: 'verify-ca' }))).toMatch(
      untrusted,
    );
    expect(await outcomeOf(urlOf({ sslrootcert: 'system', sslmode: 'disable' }))).toMatch(refused);
  });

  test('the modes of PostgreSQL in the words of the driver', async () => {
    const words = { uselibpqcompat: 'true', host: '127.0.0.1' };
    expect(await outcomeOf(urlOf({ ...words, sslmode: 'require' }))).toBe('tls');
    expect(await outcomeOf(urlOf({ ...words, sslmode: 'verify-ca' }))).toMatch(untrusted);
  });

  test('a certificate is what a user is let in by, where the server wants one', async () => {
    const user = 'certified';
    const server = { user, sslmode: 'verify-full', sslrootcert: authority.certificate };
    const own = { sslcert: client.certificate, sslkey: client.key };
    expect(await outcomeOf(urlOf({ ...server, ...own }))).toBe('tls');
    expect(await outcomeOf(urlOf(server))).toMatch(/does not let this user in/);
    const other = stranger.sign('certified');
    const unknown = { sslcert: other.certificate, sslkey: other.key };
    expect(await outcomeOf(urlOf({ ...server, ...unknown }))).toMatch(
      /does not take our certificate/,
    );
    expect(await outcomeOf(urlOf({ ...server, ...own, sslkey: other.key }))).toMatch(
      /do not go together/,
    );
    expect(await outcomeOf(urlOf({ ...server, ...own, sslkey: client.certificate }))).toMatch(
      /do not go together/,
    );
  });

  test('every connection of a store goes over it, the one that listens as well', async () => {
    const sslrootcert = authority.certificate;
    const { store, catchUp } = await openPostgresStore({
      url: urlOf({ sslmode: 'verify-full', sslrootcert, application_name: 'all-of-them' }),
      poolSize: 2,
      runtime,
      keepsTime: false,
      auditChain: createAuditChain(runtime.randomBytes(32)),
      onKeysChanged() {},
    });
    await Promise.all([store.ping(), store.ping(), catchUp()]);
    const connections = await queryOnce<{ ssl: boolean; listens: boolean }>(
      postgres.ownerUrl,
      `SELECT ssl, query LIKE '%pg_notify%' AS listens FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
       WHERE application_name = 'all-of-them' ORDER BY listens`,
    );
    await store.close();
    expect(connections.length).toBeGreaterThan(1);
    expect(connections.at(-1)).toEqual({ ssl: true, listens: true });
    expect(connections.map(({ ssl }) => ssl)).not.toContain(false);
  });

  test('a certificate that is no more to be trusted lets nobody wait and is no defect', async () => {
    const sslrootcert = authority.certificate;
    const { store } = await openPostgresStore({
      url: urlOf({ sslmode: 'verify-full', sslrootcert }),
      poolSize: 1,
      runtime,
      keepsTime: false,
      auditChain: createAuditChain(runtime.randomBytes(32)),
      onKeysChanged() {},
    });
    async function useCertificateOf(name: string): Promise<void> {
      for (const [setting, ending] of [
        ['ssl_cert_file', 'pem'],
        ['ssl_key_file', 'key'],
      ]) {
        await queryOnce(
          postgres.ownerUrl,
          `ALTER SYSTEM SET ${setting} = '${name}-server.${ending}'`,
        );
      }
      await queryOnce(postgres.ownerUrl, 'SELECT pg_reload_conf()');
    }
    const endConnections = () =>
      queryOnce(
        postgres.ownerUrl,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ada'`,
      );
    await useCertificateOf('stranger');
    await vi.waitFor(
      async () => {
        await endConnections();
        const outcome: unknown = await store.ping().catch((error: unknown) => error);
        expect(outcome).toMatchObject({
          reason: 'overloaded',
          cause: { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
        });
      },
      { timeout: 15_000, interval: 20 },
    );
    await useCertificateOf('authority');
    await vi.waitFor(() => store.ping(), { timeout: 15_000, interval: 20 });
    await store.close();
  });

  test('what looks at it says the same', async () => {
    const sslrootcert = authority.certificate;
    const { isEncrypted, close } = await inspectPostgres(
      urlOf({ sslmode: 'verify-ca', sslrootcert, host: '127.0.0.1' }),
      runtime,
    );
    await close();
    expect(isEncrypted).toBe(true);
    const refusal: unknown = await inspectPostgres(
      urlOf({ sslmode: 'verify-full', sslrootcert: join(folder, 'nowhere.pem') }),
      runtime,
    ).catch((error: unknown) => error);
    expect(String(refusal)).toMatch(/DATABASE_URL: a file that it names is not there/);
  });

  test('a process says nothing but what is its own, whatever the URL says', async () => {
    const sslrootcert = authority.certificate;
    const variables = { LATCHKEY_SECRET: runtime.randomBytes(32).toString('hex') };
    const start = (parameters: Parameters) =>
      startProcess({ ...variables, DATABASE_URL: urlOf(parameters) });
    await using served = start({ sslmode: 'require', sslrootcert });
    await served.ready;
    await using refusing = start({ sslmode: 'require', sslrootcert: stranger.certificate });
    await expect(refusing.ready).rejects.toThrow(/certificate of the server is not one to trust/);
    for (const { stdout, stderr } of [served, refusing]) {
      expect(stdout() + stderr()).not.toMatch(/warning|libpq|ssl modes/i);
      expect(stdout() + stderr()).not.toContain(password);
    }
    expect(postgres.log()).not.toContain(password);
  });
});
