import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const password = 'a long and lonely passphrase';

interface Outcome {
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
}

interface Installation extends AsyncDisposable {
  readonly folder: string;
  /** Runs `latchkey` to its end, with that text on its stdin. */
  run(commandLine: string, input?: string | Buffer): Promise<Outcome>;
  /** Runs `latchkey start` until the installation is disposed. */
  start(): Promise<{ readonly url: string; stop(): Promise<Outcome> }>;
}

/** Real processes on a database of their own. */
async function createInstallation(): Promise<Installation> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-main-'));
  const children: ChildProcess[] = [];

  function launch(commandLine: string): {
    child: ChildProcess;
    out: string[];
    end: Promise<Outcome>;
  } {
    const child = spawn(process.execPath, [main, ...commandLine.split(' ').filter(Boolean)], {
      env: {
        DATABASE_URL: `file:${join(folder, 'latchkey.db')}`,
        LATCHKEY_BCRYPT_COST: '4',
        LATCHKEY_LOG_LEVEL: 'warn',
        PORT: '0',
      },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: 60_000,
    });
    children.push(child);
    const out: string[] = [];
    const err: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text));
    const end = once(child, 'close').then(() => ({
      exitCode: child.exitCode,
      out: out.join(''),
      err: err.join(''),
    }));
    return { child, out, end };
  }

  return {
    folder,
    run(commandLine, input = '') {
      const { child, end } = launch(commandLine);
      child.stdin?.end(input);
      return end;
    },
    async start() {
      const { child, out, end } = launch('start');
      const url = await new Promise<string>((resolve, reject) => {
        child.stdout?.on('data', () => {
          const address = /ready on (http:\S+)/.exec(out.join(''))?.[1];
          if (address !== undefined) resolve(address);
        });
        void end.then(({ err }) => reject(new Error(`It ended before it was ready: ${err}`)));
      });
      return {
        url,
        stop() {
          child.kill('SIGTERM');
          return end;
        },
      };
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Answer {
  readonly result?: { readonly data: { readonly accessToken: string; readonly role: string } };
  readonly error?: { readonly data: { readonly reason: string } };
}

async function call(url: string, token?: string, input?: object): Promise<Answer> {
  const response = await fetch(url, {
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(input && { method: 'POST', body: JSON.stringify(input) }),
  });
  return (await response.json()) as Answer;
}

test('says what it is, makes a secret and refuses what it does not know', async () => {
  await using cli = await createInstallation();
  const [help, secret, unknown, early] = await Promise.all([
    cli.run('--help'),
    cli.run('secret'),
    cli.run('strat'),
    cli.run('user list'),
  ]);
  expect(help).toMatchObject({ exitCode: 0, err: '' });
  expect(help.out).toMatch(/USAGE latchkey start\|migrate/);
  // No colours in what is no terminal.
  expect(help.out).not.toContain('\u001B');
  expect(secret).toEqual({ exitCode: 0, out: expect.stringMatching(/^[\w-]{43}\n$/), err: '' });
  expect(unknown).toMatchObject({ exitCode: 1, out: '' });
  expect(unknown.err).toMatch(/^latchkey strat: there is no such command\. .*\n$/);
  expect(early).toMatchObject({ exitCode: 1, out: '' });
  expect(early.err).toMatch(/^DATABASE_URL: .*latchkey migrate"\.\n$/);
  expect(await readdir(cli.folder)).toEqual([]);
});

test('changes count at the next call of a server that runs', { timeout: 60_000 }, async () => {
  await using cli = await createInstallation();
  const server = await cli.start();
  const me = (token: string) => call(`${server.url}/trpc/user.me`, token);
  const signIn = async () => {
    const input = { email: 'ada@example.com', password };
    return (
      (await call(`${server.url}/trpc/auth.login`, undefined, input)).result?.data.accessToken ?? ''
    );
  };

  const created = await cli.run(
    'user create --email=ada@example.com --password-stdin',
    `${password}\r\n`,
  );
  expect(created).toMatchObject({ exitCode: 0, err: '' });
  const first = await signIn();
  expect(await me(first)).toMatchObject({ result: { data: { role: 'user' } } });

  expect(await cli.run('user set-role ada@example.com admin --yes')).toMatchObject({ exitCode: 0 });
  expect(await me(first)).toMatchObject({ error: { data: { reason: 'token_stale' } } });
  const second = await signIn();
  expect(await me(second)).toMatchObject({ result: { data: { role: 'admin' } } });

  expect(await cli.run('keys rotate')).toMatchObject({ exitCode: 1, out: '' });
  expect(await cli.run('keys rotate --yes')).toMatchObject({ exitCode: 0, err: '' });
  expect(await me(second)).toMatchObject({ result: { data: { role: 'admin' } } });

  expect(await cli.run('user disable ada@example.com --yes')).toMatchObject({ exitCode: 0 });
  expect(await me(second)).toMatchObject({ error: { data: { reason: 'session_revoked' } } });

  expect(await server.stop()).toMatchObject({ exitCode: 0, err: '' });
});

test('refuses an input that can be no password', async () => {
  await using cli = await createInstallation();
  await cli.run('migrate');
  const command = 'user create --email=ada@example.com --password-stdin';
  const [latin1, long] = await Promise.all([
    cli.run(command, Buffer.from('un mot de passe très long', 'latin1')),
    cli.run(command, Buffer.alloc(10_000, 'x')),
  ]);
  expect(latin1).toMatchObject({ exitCode: 1, out: '' });
  expect(latin1.err).toMatch(/^stdin: not UTF-8/);
  expect(long).toMatchObject({ exitCode: 1, out: '' });
  expect(long.err).toMatch(/^stdin: longer than 8192 bytes/);
});
