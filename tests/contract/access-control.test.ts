import { afterAll, describe, expect, test } from 'vitest';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { createApi, refusalOf, refusals, whatWorks, type CallOptions } from './api.ts';
import { procedures, type ProcedureRow } from './procedures.ts';

const t = await createTestLatchkey();
const api = createApi((await t.serve()).url);
afterAll(() => t.close());

const ordinary = await t.signInAs();
const target = await t.signInAs();

function call({ path, kind }: ProcedureRow, options: CallOptions) {
  return kind === 'query' ? api.query(path, options) : api.mutate(path, options);
}

function where(access: ProcedureRow['access']): [string, ProcedureRow][] {
  return procedures.filter((row) => row.access === access).map((row) => [row.path, row]);
}

/** Inputs that a schema would accept, refuse, or choke on: none may be looked at. */
const inputs: readonly unknown[] = [
  undefined,
  {},
  { unknown: 'key' },
  { userId: target.user.id, role: 'admin', sessionId: target.user.id, password: 'x' },
  [1, 2, 3],
];

test('every procedure is classified, and by its kind', () => {
  const served = Object.entries(t.latchkey.appRouter._def.procedures).flatMap(([path, entry]) =>
    // Nested routers stand there by their names; a procedure is a function.
    typeof entry === 'function'
      ? [[path, (entry as { _def: { type: string } })._def.type]]
      : Object.entries(entry).map(([name, procedure]) => [
          `${path}.${name}`,
          (procedure as { _def: { type: string } })._def.type,
        ]),
  );
  expect(Object.fromEntries(served)).toEqual(
    Object.fromEntries(procedures.map(({ path, kind }) => [path, kind])),
  );
});

describe.each([...where('protected'), ...where('admin')])('%s', (_path, row) => {
  test('Z-01: without a token answers token_missing, before the input is looked at', async () => {
    for (const input of inputs) {
      expect(refusalOf(await call(row, { input }))).toBe(refusals.tokenMissing);
    }
  });

  test('Z-01: with a token that is none answers token_invalid, before the input is looked at', async () => {
    const tokens = ['garbage', 'a.b.c', t.forge.signedByStranger(ordinary.accessToken)];
    for (const [index, input] of inputs.entries()) {
      const token = tokens[index % tokens.length] ?? '';
      expect(refusalOf(await call(row, { token, input }))).toBe(refusals.tokenInvalid);
    }
  });

  test('answers under its one kind alone', async () => {
    const headers = { authorization: `Bearer ${ordinary.accessToken}` };
    const answer =
      row.kind === 'query'
        ? await api.mutate(row.path, { headers })
        : await api.query(row.path, { headers });
    expect(refusalOf(answer)).toBe('405 METHOD_NOT_SUPPORTED invalid_input');
  });
});

describe.each(where('admin'))('%s', (_path, row) => {
  test('Z-02: answers forbidden to an ordinary user, the same for every input', async () => {
    const answers = [];
    for (const input of inputs) {
      answers.push(await call(row, { token: ordinary.accessToken, input }));
    }
    for (const answer of answers) expect(refusalOf(answer)).toBe(refusals.forbidden);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });
});

describe.each(where('public'))('%s', (_path, row) => {
  test('Z-01: asks for no token, and minds no bad one', async () => {
    for (const options of [{}, { token: 'garbage' }]) {
      const answer = await call(row, { ...options, input: { unknown: 'key' } });
      expect(refusalOf(answer)).toBe(refusals.invalidInput);
    }
  });
});

test('Z-02, Z-19: what was refused has changed nothing, in a batch too', async () => {
  const paths = 'user.update,admin.disableUser,admin.setRole,session.revokeOthers';
  const answer = await api.send(`/trpc/${paths}?batch=1`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${ordinary.accessToken}`,
    },
    body: JSON.stringify({
      0: {},
      1: { userId: target.user.id },
      2: { userId: ordinary.user.id, role: 'admin' },
    }),
  });
  expect(answer.status).toBe(207);
  const results = JSON.parse(answer.text) as { error?: { data: { reason: string } } }[];
  expect(results.map(({ error }) => error?.data.reason)).toEqual([
    undefined,
    'forbidden',
    'forbidden',
    undefined,
  ]);
  expect(await whatWorks(api, target)).toEqual({ me: true, refresh: true });
  expect(await whatWorks(api, ordinary)).toEqual({ me: true, refresh: true });
});

test('H-19: prototype keys on the way leave strangers strangers', async () => {
  const body = '{"__proto__":{"role":"admin"},"constructor":{"prototype":{"role":"admin"}}}';
  const headers = { 'content-type': 'application/json', cookie: '__proto__=admin; constructor=x' };
  for (const path of ['user.update', 'auth.logout', 'session.revoke']) {
    await api.send(`/trpc/${path}?__proto__[role]=admin`, { method: 'POST', headers, body });
    const input = encodeURIComponent(body);
    await api.send(`/trpc/user.me?batch=1&input=${input}`);
  }
  expect(Object.keys({})).toEqual([]);
  expect(({} as { role?: string }).role).toBeUndefined();
  expect(refusalOf(await api.query('user.me'))).toBe(refusals.tokenMissing);
  expect(refusalOf(await api.query('admin.listUsers', { token: ordinary.accessToken }))).toBe(
    refusals.forbidden,
  );
});

describe('H-42: who is allowed', () => {
  test.each(procedures.map((row) => [row.path, row] as const))(
    'has an unknown key refused by %s',
    async (_path, row) => {
      const { accessToken: token } = await t.signInAs({ role: 'admin' });
      for (const input of [
        { unknown: 'key' },
        JSON.parse('{"constructor":1}') as unknown,
        [1],
        7,
      ]) {
        expect(refusalOf(await call(row, { token, input }))).toBe(refusals.invalidInput);
      }
      expect((await api.query('user.me', { token })).status).toBe(200);
    },
  );

  test.each(['user.me', 'session.list', 'session.revokeOthers', 'admin.listKeys'])(
    'may send {} or null for nothing to %s',
    async (path) => {
      const { accessToken: token } = await t.signInAs({ role: 'admin' });
      const row = procedures.find((each) => each.path === path);
      for (const input of [undefined, {}, null]) {
        expect((await call(row as ProcedureRow, { token, input })).status).toBe(200);
      }
    },
  );
});
