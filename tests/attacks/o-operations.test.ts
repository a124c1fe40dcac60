import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyAuditLog } from '../../server/audit/verify-audit-log.ts';
import { ConfigurationError } from '../../server/config/configuration-error.ts';
import { readEnvironment } from '../../server/config/environment.ts';
import {
  auditPageOf,
  createApi,
  goodPassword,
  me,
  refresh,
  refusals,
  register,
  signedInOf,
  whatWorks,
  type Api,
} from '../contract/api.ts';
import { holdLock } from '../contract/database-lock.ts';
import { exchange, requestText } from '../contract/raw-socket.ts';
import { createFolder, startProcess, type ServerProcess } from '../contract/server-process.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { mode } from '../kit/mode.ts';
import { poolSize } from '../kit/place.ts';
import { runSql } from '../kit/run-sql.ts';
import { inGroups, login, outcomeOf, postTo, range, startTarget, tally } from './target.ts';

const run = promisify(execFile);
const alive = { me: true, refresh: true };
const wrong = 'a wrong guess of it';
/** 32 bytes that are random, of nobody's installation. */
const secret = 'qXv3t8mB0yH1kZr6WcEJuN5pLs7aTgFdYbQ9oRi2VhM';

let folder: Awaited<ReturnType<typeof createFolder>>;
let variables: Readonly<Record<string, string>>;
beforeAll(async () => {
  folder = await createFolder();
  variables = {
    DATABASE_URL: `file:${join(folder.path, 'a.db')}`,
    LATCHKEY_URL: 'http://localhost:4000',
  };
});
afterAll(() => folder[Symbol.asyncDispose]());

const production = {
  NODE_ENV: 'production',
  LATCHKEY_SECRET: secret,
  LATCHKEY_URL: 'https://auth.attacks.example',
  LATCHKEY_BCRYPT_COST: '10',
};

/** Refused: the line names the variable and repeats no value. */
function expectProblem(text: string, name: string, value: string): void {
  expect(text).toContain(`${name}:`);
  if (value.length > 8) expect(text).not.toContain(value.trim());
}

/** What a process would say of this environment, without the second that each start takes. */
function problemsOf(values: Readonly<Record<string, string>>): string {
  try {
    readEnvironment(values);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems.join('\n');
    throw error;
  }
  return 'none';
}

/** The same by a process: it ends with 1 and one line for each problem. */
async function expectNoStart(
  name: string,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  await using server = startProcess({
    DATABASE_URL: `file:${join(folder.path, 'never.db')}`,
    ...values,
  });
  expect(await server.ended).toEqual({ code: 1, signal: null });
  expectProblem(server.stderr(), name, values[name] ?? '');
  expect(server.stderr()).not.toMatch(/\bat .*\.ts/);
  expect(server.stdout()).toBe('');
}

/** A process on a database of its own, until the test ends. */
async function withProcess(
  values: Readonly<Record<string, string>>,
  work: (server: ServerProcess, api: Api, path: string) => Promise<void>,
): Promise<void> {
  await using own = await createFolder();
  const path = join(own.path, 'a.db');
  await using server = startProcess({ DATABASE_URL: `file:${path}`, ...values });
  await work(server, createApi(await server.ready), path);
}

function linesOf(server: ServerProcess): Record<string, unknown>[] {
  return server
    .stdout()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('O-01 without a secret production does not start', async () => {
  await expectNoStart('LATCHKEY_SECRET', { ...production, LATCHKEY_SECRET: '' });
});

test('O-02 no weak secret starts a server', async () => {
  const weak = [
    'short',
    Buffer.alloc(31, secret).toString('base64url').slice(0, 41),
    'A'.repeat(43),
    '00'.repeat(32),
    'abcd'.repeat(12),
    Buffer.from(range(32)).toString('hex'),
    'please-change-this-secret-before-you-go-live-now',
    'correcthorsebatterystaplecorrecthorsebattery',
    `${secret}\n`,
    ` ${secret}`,
    `"${secret}"`,
    '-----BEGIN PUBLIC KEY-----MCowBQYDK2VwAyEA-----END PUBLIC KEY-----',
    'your-latchkey-secret-goes-here-0123456789abcdef',
  ];
  for (const value of weak) {
    expectProblem(problemsOf({ ...production, LATCHKEY_SECRET: value }), 'LATCHKEY_SECRET', value);
    expectProblem(problemsOf({ LATCHKEY_SECRET: value }), 'LATCHKEY_SECRET', value);
  }
  expect(problemsOf(production)).toBe('none');
});

test('O-03 nothing that is for development starts in production', async () => {
  const settings: readonly [string, string][] = [
    ['LATCHKEY_URL', 'http://auth.attacks.example'],
    ['LATCHKEY_ALLOWED_ORIGINS', '*'],
    ['LATCHKEY_ALLOWED_ORIGINS', 'https://good.example,null'],
    ['LATCHKEY_BCRYPT_COST', '4'],
    ['LATCHKEY_RATE_LIMITS', 'off'],
    ['LATCHKEY_LOG_LEVEL', 'everything'],
    ['LATCHKEY_TRUSTED_PROXIES', 'everybody'],
  ];
  for (const [name, value] of settings) {
    expectProblem(problemsOf({ ...production, [name]: value }), name, value);
  }
  await expectNoStart('LATCHKEY_ADMIN_PASSWORD', {
    ...production,
    LATCHKEY_ADMIN_EMAIL: 'admin@attacks.example',
    LATCHKEY_ADMIN_PASSWORD: 'password2026!',
  });
});

test('O-04 three rotations under load sign nobody out, and a retired key ends with its tokens (npm run test:load)', async () => {
  await using target = await startTarget();
  const { t, api } = target;
  const { accessToken: token } = await t.signInAs({ role: 'admin' });
  const people = await inGroups(range(10), 5, () => register(api));
  const first = people[0]!;
  for (const _ of range(3)) {
    const [rotated, ...seen] = await Promise.all([
      api.mutate('admin.rotateKeys', { token }),
      ...people.map((person) => api.query('user.me', { token: person.accessToken })),
    ]);
    expect(outcomeOf(rotated)).toBe('answered');
    expect(tally(seen.map(outcomeOf))).toEqual({ answered: 10 });
  }
  expect(await whatWorks(api, people[1]!)).toEqual(alive);
  const lasting = await t.forge.resign(first.accessToken, {});
  expect(decodeProtectedHeader(lasting).kid).toBe(decodeProtectedHeader(first.accessToken).kid);
  t.clock.advance(901);
  expect((await api.query('user.me', { token: first.accessToken })).status).toBe(401);
  expect(await whatWorks(api, signedInOf(await refresh(api, first.refreshToken)))).toEqual(alive);
});

test('O-05 with the signing keys taken out of the database every access token is void, and refreshing goes on', async () => {
  await using own = await createFolder();
  const path = join(own.path, 'a.db');
  const values = { DATABASE_URL: `file:${path}`, LATCHKEY_URL: 'http://localhost:4000' };
  const before = startProcess(values);
  const person = await register(createApi(await before.ready));
  before.kill('SIGTERM');
  expect((await before.ended).code).toBe(0);
  await runSql(path, 'DELETE FROM signing_keys RETURNING id');
  await using after = startProcess(values);
  const api = createApi(await after.ready);
  expect(outcomeOf(await api.query('user.me', { token: person.accessToken }))).toBe(
    refusals.tokenInvalid,
  );
  expect(await whatWorks(api, signedInOf(await refresh(api, person.refreshToken)))).toEqual(alive);
});

/** A call whose head the server has taken, and whose body is to come. */
async function begin(
  url: string,
  path: string,
  body: string,
): Promise<{ socket: Socket; finish(): Promise<string> }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let text = '';
  socket
    .on('error', () => {})
    .on('data', (piece: Buffer) => {
      text += piece.toString();
    });
  socket.write(
    [
      `POST /trpc/${path} HTTP/1.1`,
      'Host: x',
      'Content-Type: application/json',
      'Expect: 100-continue',
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      '',
    ].join('\r\n'),
  );
  await once(socket, 'data');
  return {
    socket,
    async finish() {
      socket.write(body);
      await once(socket, 'close');
      return text;
    },
  };
}

test('O-06 a process that is to end answers what is under way, keeps what it acknowledged, and ends with 0', async () => {
  await using own = await createFolder();
  const values = { DATABASE_URL: `file:${join(own.path, 'a.db')}`, LATCHKEY_RATE_LIMITS: 'off' };
  const server = startProcess(values);
  const url = await server.ready;
  const calls = await Promise.all(
    range(200).map((index) => {
      const input = { email: `drain-${index}@operations.example`, password: goodPassword };
      // The hashing queue is bounded; what is no registration is a call that reads.
      return index < 10
        ? begin(url, 'auth.register', JSON.stringify(input))
        : begin(url, 'auth.logout', '{}');
    }),
  );
  server.kill('SIGTERM');
  // Until new connections are refused, the signal has not arrived.
  while ((await exchange(url, requestText('GET /health/live'))).statuses.length > 0);
  const answers = await Promise.all(calls.map(({ finish }) => finish()));
  expect(tally(answers.map((text) => /HTTP\/1\.1 ([2-5]\d\d)/.exec(text)?.[1] ?? 'none'))).toEqual({
    200: 200,
  });
  for (const text of answers) expect(text).toMatch(/^connection: close/im);
  expect(await server.ended).toEqual({ code: 0, signal: null });
  await using again = startProcess(values);
  const api = createApi(await again.ready);
  for (const index of range(10)) {
    const input = { email: `drain-${index}@operations.example`, password: goodPassword };
    expect(outcomeOf(await login(api, input))).toBe('answered');
  }
});

test('O-08 an exception that nobody caught ends the process, is logged once, and says no value', async () => {
  for (const failing of ["throw new Error('xyzzy')", "Promise.reject(new Error('xyzzy'))"]) {
    const path = join(folder.path, 'fail.mjs');
    await writeFile(path, `process.on('SIGWINCH', () => { ${failing}; });`);
    const options = `--import=${path}`;
    await withProcess({ NODE_OPTIONS: options }, async (server) => {
      server.kill('SIGWINCH');
      expect(await server.ended).toEqual({ code: 1, signal: null });
      expect(server.stderr().match(/"error":"Error"/g)).toHaveLength(1);
      expect(server.stderr()).not.toContain('xyzzy');
    });
  }
});

test('O-09 two thousand calls leave no socket and no timer behind (an hour: npm run test:load)', async () => {
  await using target = await startTarget();
  const { url, victim } = target;
  const count = () => {
    const resources = process.getActiveResourcesInfo();
    return resources.filter((name) => name === 'TCPSocketWrap' || name === 'Timeout').length;
  };
  const line = `Authorization: Bearer ${victim.accessToken}`;
  const call = () => exchange(url, requestText('GET /trpc/user.me', [line]));
  await call();
  const before = count();
  await inGroups(range(2_000), 20, call);
  // Connections to a database are kept, each with a timer, and there are more where more call at once.
  const kept = mode.database === null ? 0 : mode.instances * poolSize * 2;
  expect(count()).toBeLessThanOrEqual(before + 20 + kept);
  await target.assertUnharmed();
});

test('O-10 a thousand open connections hold nobody up (10,000: npm run test:load)', async () => {
  await using target = await startTarget();
  const { port } = new URL(target.url);
  const sockets = await inGroups(range(1_000), 100, async () => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  });
  expect(sockets.every(({ destroyed }) => !destroyed)).toBe(true);
  await target.assertUnharmed();
  for (const socket of sockets) socket.destroy();
});

test('O-12 whatever is sent, each line of the log is one JSON object, and none of it is in there', async () => {
  await using own = await createFolder();
  await using server = startProcess({
    ...production,
    DATABASE_URL: `file:${join(own.path, 'a.db')}`,
  });
  const url = await server.ready;
  const api = createApi(url);
  const odd = ['"}', '\u001b[31mxyzzy', '{"level":"fatal"}', 'xyzzy%0a{"a":1}', '\u2028xyzzy'];
  for (const text of odd) {
    const body = JSON.stringify({ email: `${text}@x.example`, password: text });
    const headers = { 'user-agent': encodeURI(text), 'x-request-id': encodeURI(text) };
    await postTo(api)('auth.login', body, headers);
    await api.send(`/trpc/${encodeURI(text)}?${encodeURI(text)}`);
    await postTo(api)('auth.register', JSON.stringify({ email: text, name: text, password: text }));
  }
  await exchange(url, requestText('GET /trpc/x\u001b[31m', ['User-Agent: a\u001b[31m']));
  server.kill('SIGTERM');
  await server.ended;
  const lines = server.stdout().trimEnd().split('\n').slice(1);
  expect(lines.length).toBeGreaterThanOrEqual(odd.length * 3);
  for (const line of lines) {
    expect(JSON.parse(line)).toMatchObject({
      level: 'info',
      time: expect.any(String) as unknown,
    });
    // Control characters are escaped, so that a terminal obeys none.
    // oxlint-disable-next-line no-control-regex -- that none is there is the assertion
    expect(line).not.toMatch(/[\u0000-\u001f\u007f\u2028]/);
  }
  expect(lines.join('')).not.toContain('password');
});

test('O-13 every kind of security event is there once, with who, what, when and from where', async () => {
  await using target = await startTarget({ trustedProxies: ['127.0.0.1'] });
  const { t, api } = target;
  const admin = await t.signInAs({ role: 'admin' });
  const token = admin.accessToken;
  const headers = { 'x-forwarded-for': '198.51.100.9', 'user-agent': 'attacks' };
  const email = 'audited@operations.example';
  const call = (path: string, input: object | undefined, by?: string) =>
    api.mutate(path, {
      headers,
      ...(input ? { input } : {}),
      ...(by === undefined ? {} : { token: by }),
    });
  const person = signedInOf(await call('auth.register', { email, password: goodPassword }));
  const { id: userId } = person.user;
  await call('auth.login', { email, password: wrong });
  const second = signedInOf(await call('auth.login', { email, password: goodPassword }));
  await call('user.update', { name: 'Audited' }, person.accessToken);
  await call(
    'user.changePassword',
    { currentPassword: wrong, newPassword: goodPassword },
    person.accessToken,
  );
  const changed = signedInOf(
    await call(
      'user.changePassword',
      { currentPassword: goodPassword, newPassword: `${goodPassword}!` },
      person.accessToken,
    ),
  );
  expect((await refresh(api, second.refreshToken)).status).toBe(401);
  await call('auth.refresh', { refreshToken: changed.refreshToken });
  t.clock.advance(11);
  expect(outcomeOf(await call('auth.refresh', { refreshToken: changed.refreshToken }))).toBe(
    refusals.refreshReused,
  );
  const third = signedInOf(await call('auth.login', { email, password: `${goodPassword}!` }));
  await call('auth.logout', { refreshToken: third.refreshToken });
  await call('admin.setRole', { userId, role: 'admin' }, token);
  await call('admin.setRole', { userId, role: 'user' }, token);
  await call('admin.disableUser', { userId }, token);
  await call('auth.login', { email, password: `${goodPassword}!` });
  await call('admin.enableUser', { userId }, token);
  const fourth = signedInOf(await call('auth.login', { email, password: `${goodPassword}!` }));
  await call('session.revokeAll', undefined, fourth.accessToken);
  const last = signedInOf(await call('auth.login', { email, password: `${goodPassword}!` }));
  await call('admin.rotateKeys', undefined, token);
  // Of what is refused the first is there, however often it is tried.
  for (const _ of range(5)) {
    await call('admin.disableUser', { userId: admin.user.id }, last.accessToken);
    await call('user.update', { role: 'admin' }, last.accessToken);
    await call('user.update', { name: 'Mallory' }, t.forge.signedByStranger(last.accessToken));
  }
  await t.composition.refusals.close();
  await call('user.delete', { password: `${goodPassword}!` }, last.accessToken);
  const { events } = auditPageOf(
    await api.query('admin.listAuditEvents', { token, input: { userId, limit: 100 } }),
  );
  expect(tally(events.map(({ type }) => type))).toEqual({
    'user.registered': 1,
    'sign_in.failed': 2,
    'sign_in.succeeded': 4,
    'user.updated': 1,
    'password_check.failed': 1,
    'user.password_changed': 1,
    'session.refresh_reused': 1,
    'session.ended': 1,
    'user.role_changed': 2,
    'user.disabled': 1,
    'user.enabled': 1,
    'session.revoked': 1,
    'access.refused': 1,
    'input.refused': 1,
    'user.deleted': 1,
  });
  for (const event of events) {
    expect(event).toMatchObject({ userId, ip: '198.51.100.9', userAgent: 'attacks' });
    expect(event.at).toMatch(/Z$/);
  }
  const ofType = async (type: string) =>
    auditPageOf(await api.query('admin.listAuditEvents', { token, input: { type } })).events;
  expect(await ofType('keys.rotated')).toMatchObject([{ actorId: admin.user.id }]);
  expect(await ofType('token.refused')).toMatchObject([
    { actorId: null, ip: null, detail: { leftOut: 4 } },
    { actorId: null, ip: '198.51.100.9', detail: { path: 'user.update' } },
  ]);
  const log = await verifyAuditLog(t.composition.accounts.store, t.composition.auditChain);
  expect(log.problem).toBeNull();
});

test('O-14 a flood of refused requests is counted in the log, not written out', async () => {
  await withProcess(production, async (server, api) => {
    await inGroups(range(2_000), 50, () => api.query('user.me'));
    const lines = linesOf(server);
    const seconds = new Set(lines.map(({ time }) => String(time).slice(0, 19)));
    // A second has 200 lines at most, beside the one that counts the rest.
    expect(lines.length).toBeLessThanOrEqual(seconds.size * 201 + 1);
    expect(Math.max(...lines.map((line) => JSON.stringify(line).length))).toBeLessThan(512);
  });
});

test('O-15 alive is not ready, and neither says a version or a secret', async () => {
  await using own = await createFolder();
  const path = join(own.path, 'a.db');
  const kit = await createTestLatchkey({ database: `file:${path}` });
  const api = createApi((await kit.serve()).url);
  const health = async () => {
    const [live, ready] = [await api.send('/health/live'), await api.send('/health/ready')];
    expect(live.text + ready.text).not.toMatch(/\d+\.\d+\.\d+|sqlite|secret|node/i);
    return [live.status, ready.status];
  };
  expect(await health()).toEqual([200, 200]);
  const lock = await holdLock(path);
  // Reading goes on beside a lock, and so do the signed-in.
  expect(await health()).toEqual([200, 200]);
  await lock.release();
  await kit.latchkey.close();
  expect(await health()).toEqual([200, 503]);
  expect((await api.send('/metrics')).status).toBe(404);
  await kit.close().catch(() => {});
});

test('O-16 without file descriptors left connections wait or fail, and afterwards all goes on', async () => {
  await using own = await createFolder();
  await using server = startProcess({ DATABASE_URL: `file:${join(own.path, 'a.db')}` }, '-n 128');
  const url = await server.ready;
  const api = createApi(url);
  const person = await register(api);
  const sockets = await inGroups(range(500), 100, async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect').catch(() => {});
    return socket;
  });
  for (const socket of sockets) socket.destroy();
  expect((await me(api, person.accessToken)).id).toBe(person.user.id);
  expect(await whatWorks(api, person)).toEqual(alive);
});

test('O-17 with little memory, huge bodies are refused and nothing dies', async () => {
  await withProcess({ NODE_OPTIONS: '--max-old-space-size=64' }, async (server, api) => {
    const person = await register(api);
    const headers = { authorization: `Bearer ${person.accessToken}` };
    const wide = `{"name":[${'1,'.repeat(500_000)}1]}`;
    const keys = `{${range(70_000)
      .map((index) => `"k${index}":1`)
      .join()}}`;
    const bodies = range(120).map((index) => (index % 2 === 0 ? wide : keys));
    const answers = await inGroups(bodies, 30, (body) => postTo(api)('user.update', body, headers));
    // A database on another machine may be waited for too long meanwhile.
    const wanted = mode.database === null ? [400, 413] : [400, 413, 503];
    expect(answers.every(({ status }) => wanted.includes(status))).toBe(true);
    expect(await whatWorks(api, person)).toEqual(alive);
    expect(server.stderr()).toBe('');
  });
});

test('O-19 a start on the same database signs nobody out; a database of a newer version is not touched', async () => {
  const first = startProcess(variables);
  const person = await register(createApi(await first.ready));
  first.kill('SIGTERM');
  await first.ended;
  {
    await using second = startProcess(variables);
    expect(await whatWorks(createApi(await second.ready), person)).toEqual(alive);
  }
  const path = join(folder.path, 'a.db');
  await runSql(
    path,
    "INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('newer', 99999999999999) RETURNING id",
  );
  await using third = startProcess(variables);
  expect((await third.ended).code).toBe(1);
  expect(third.stderr()).toContain('newer version');
});

test('O-20 the package has no test and no secret in it, and no dependency runs a script that was not allowed', async () => {
  const root = new URL('../..', import.meta.url).pathname;
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
  });
  const listing = JSON.parse(stdout) as
    | { files: { path: string }[] }[]
    | Record<string, { files: { path: string }[] }>;
  const files = Object.values(listing).flatMap((each) => each.files.map(({ path }) => path));
  expect(files).toContain('package.json');
  expect(
    files.filter((path) =>
      /\.test\.|\.env|\.secret|\.db$|\.pem$|^tests\/|^server\/|^data\//.test(path),
    ),
  ).toEqual([]);
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<
      string,
      {
        integrity?: string;
        link?: boolean;
        hasInstallScript?: boolean;
        license?: string;
        optional?: boolean;
      }
    >;
  };
  // Binaries for other platforms than that of the last change have no checksum: scripts/complete-lockfile.ts.
  const packages = Object.entries(lock.packages).filter(([name]) => name !== '');
  expect(
    packages
      .filter(([, { integrity, link, optional }]) => integrity === undefined && !link && !optional)
      .map(([name]) => name),
  ).toEqual([]);
  const { allowScripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    allowScripts: Record<string, boolean>;
  };
  const scripted = packages
    .filter(([, { hasInstallScript, optional }]) => hasInstallScript && !optional)
    .map(([name]) => name.slice(name.lastIndexOf('node_modules/') + 13));
  expect(new Set(scripted)).toEqual(new Set(scripted.filter((name) => name in allowScripts)));
});
