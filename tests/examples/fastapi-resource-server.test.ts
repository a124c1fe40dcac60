import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { createTestLatchkey, testPassword } from '../../server/testing/index.ts';
import { findFreePort, startExample } from './start-example.ts';

const folder = fileURLToPath(new URL('../../examples/fastapi-resource-server', import.meta.url));
const service = { name: 'notes', secret: 'uS0Zr5_xgQm3vKp8WnE1aTyLdB6HcJf2oVXi9Rk4MqA' };
const python = findPython();

function findPython(): string {
  const found = ['python3', '/usr/bin/python3'].find(
    (command) => spawnSync(command, ['-c', 'import fastapi, httpx, jwt, uvicorn']).status === 0,
  );
  if (found !== undefined) return found;
  throw new Error(
    'Python packages are missing. Install them: apt install python3-fastapi python3-httpx python3-jwt python3-uvicorn',
  );
}

// Its address is its issuer, so it has to listen before it is set up.
const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const t = await createTestLatchkey({ url: issuer, services: [service] });
let keyFetches = 0;
const handle = t.latchkey.nodeHandler();
server.on('request', (req, res) => {
  if (req.url === '/.well-known/jwks.json') keyFetches += 1;
  handle(req, res);
});
const notes = await startNotes();
afterAll(async () => {
  await notes[Symbol.asyncDispose]();
  server.close();
  server.closeAllConnections();
  await t.close();
});

interface Notes {
  readonly url: string;
}

/** The service in Python, on a free port. */
async function startNotes(): Promise<Notes & AsyncDisposable> {
  const child = spawn(python, ['-m', 'uvicorn', 'main:app', '--port', '0'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      LATCHKEY_URL: issuer,
      NOTES_SECRET: service.secret,
      PYTHONDONTWRITEBYTECODE: '1',
    },
  });
  const ended = once(child, 'close');
  const written: string[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stderr })
      .on('line', (line) => {
        written.push(line);
        const ready = /running on (http:\S+)/.exec(line)?.[1];
        if (ready !== undefined) resolve(ready);
      })
      .on('close', () => reject(new Error(`It did not start:\n${written.join('\n')}`)));
  });
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill();
      await ended;
    },
  };
}

type Call = readonly [method: string, path: string];

const me: Call = ['GET', '/me'];
const statistics: Call = ['GET', '/statistics'];
const deleteNotes: Call = ['DELETE', '/notes'];

function call([method, path]: Call, token: string | null, on: Notes = notes): Promise<Response> {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  return fetch(`${on.url}${path}`, { method, headers });
}

async function statusOf(...parameters: Parameters<typeof call>): Promise<number> {
  return (await call(...parameters)).status;
}

async function rotateKeys(): Promise<void> {
  await (await t.callerAs({ role: 'admin' })).admin.rotateKeys();
}

test('a good token says who calls', async () => {
  const { accessToken, user } = await t.signInAs();
  const answer = await call(me, accessToken);
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ user_id: user.id, role: 'user' });
  expect(await statusOf(deleteNotes, accessToken)).toBe(200);
});

test('whatever is not one is refused', async () => {
  const { accessToken, refreshToken } = await t.signInAs();
  await using elsewhere = await createTestLatchkey({ url: issuer });
  const { forge } = t;
  const now = Math.floor(Date.now() / 1_000);
  const bad: Readonly<Record<string, string | null>> = {
    none: null,
    'not a token': 'x',
    'a refresh token': refreshToken,
    'other claims under its signature': forge.tampered(accessToken, { role: 'admin' }),
    'an expired one': await forge.resign(accessToken, { claims: { iat: now - 60, exp: now - 1 } }),
    'one for another audience': await forge.resign(accessToken, {
      claims: { aud: 'https://other.example' },
    }),
    'one of another issuer': await forge.resign(accessToken, {
      claims: { iss: 'https://other.example' },
    }),
    'another kind': await forge.resign(accessToken, { header: { typ: 'JWT' } }),
    'no kind': await forge.resign(accessToken, { header: { typ: undefined } }),
    'one without an end': await forge.resign(accessToken, { claims: { exp: undefined } }),
    'one without a role': await forge.resign(accessToken, { claims: { role: undefined } }),
    'HS256 under the public key': await forge.confused(accessToken),
    'no algorithm': forge.unsigned(accessToken),
    'a stranger’s key': forge.signedByStranger(accessToken),
    'a key of another Latchkey': (await elsewhere.signInAs()).accessToken,
    'no key id': await forge.resign(accessToken, { header: { kid: undefined } }),
    'a key id that is no text': await forge.resign(accessToken, { header: { kid: 1 } }),
  };
  const answers = await Promise.all(
    Object.entries(bad).map(async ([name, token]) => {
      const { status, headers } = await call(me, token);
      return [name, status, headers.get('www-authenticate')?.startsWith('Bearer')];
    }),
  );
  expect(answers).toEqual(Object.keys(bad).map((name) => [name, 401, true]));
});

test('what is for admins is refused to others', async () => {
  const { accessToken } = await t.signInAs();
  expect(await statusOf(statistics, accessToken)).toBe(403);
  const admin = await t.signInAs({ role: 'admin' });
  expect(await statusOf(statistics, admin.accessToken)).toBe(200);
});

test('a session that has ended is refused at once where that is asked', async () => {
  const { accessToken, refreshToken } = await t.signInAs();
  expect(await statusOf(deleteNotes, accessToken)).toBe(200);
  const body = new URLSearchParams({ token: refreshToken });
  await fetch(`${issuer}/oauth/revoke`, { method: 'POST', body });
  expect(await statusOf(deleteNotes, accessToken)).toBe(401);
  // By its keys alone nobody can tell before it expires.
  expect(await statusOf(me, accessToken)).toBe(200);
});

test('new keys are followed, and nobody is signed out by them', async () => {
  await using own = await startNotes();
  const before = await t.signInAs();
  expect(await statusOf(me, before.accessToken, own)).toBe(200);
  for (let rotation = 0; rotation < 3; rotation += 1) {
    await rotateKeys();
    const { accessToken } = await t.signInAs();
    expect(await statusOf(me, accessToken, own)).toBe(200);
  }
  expect(await statusOf(me, before.accessToken, own)).toBe(200);
});

test('made-up key ids do not make it ask without end', async () => {
  await using own = await startNotes();
  const { accessToken } = await t.signInAs();
  keyFetches = 0;
  const statuses = await Promise.all(
    Array.from({ length: 60 }, async (_, made) => {
      const token = await t.forge.resign(accessToken, { header: { kid: `made-up-${made}` } });
      return statusOf(me, token, own);
    }),
  );
  expect(new Set(statuses)).toEqual(new Set([401]));
  expect(keyFetches).toBeGreaterThan(0);
  expect(keyFetches).toBeLessThanOrEqual(5);
  expect(await statusOf(me, accessToken, own)).toBe(200);
});

test('a script signs in by the form', async () => {
  const { user } = await t.signInAs({ email: 'script@fastapi.example' });
  async function run(password: string): Promise<{ code: unknown; text: string }> {
    const child = spawn(python, ['sign_in.py', user.email], {
      cwd: folder,
      env: {
        ...process.env,
        LATCHKEY_URL: issuer,
        NOTES_URL: notes.url,
        PYTHONDONTWRITEBYTECODE: '1',
      },
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
    }
    child.stdin.end(`${password}\n`);
    const [code] = (await once(child, 'close')) as [unknown];
    return { code, text };
  }
  expect(await run(testPassword)).toEqual({
    code: 0,
    text: `{'user_id': '${user.id}', 'role': 'user'}\n`,
  });
  expect(await run('a wrong one')).toEqual({
    code: 1,
    text: 'The sign-in details are not right. Check them and try again.\n',
  });
});

test('as its README starts it, users of the one are users of the other', async () => {
  const notesPort = String(await findFreePort());
  await using example = await startExample('fastapi-resource-server', {
    readyLines: 2,
    variables: { NOTES_PORT: notesPort },
  });
  const latchkeyUrl = example.urls.find((url) => !url.endsWith(`:${notesPort}`));
  const password = /password {2,}(\S+)/i.exec(example.output())?.[1] ?? '';
  const answer = await fetch(`${latchkeyUrl}/oauth/token`, {
    method: 'POST',
    headers: { origin: `http://localhost:${notesPort}` },
    body: new URLSearchParams({
      grant_type: 'password',
      username: 'admin@latchkey.localhost',
      password,
    }),
  });
  expect(answer.status).toBe(200);
  const { access_token: token } = (await answer.json()) as { access_token: string };
  const on = { url: `http://localhost:${notesPort}` };
  for (const each of [me, statistics, deleteNotes]) {
    expect(await statusOf(each, token, on)).toBe(200);
  }
  await example.stop();
});
