import { randomBytes } from 'node:crypto';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { OpenApiDocument } from '../../server/api-page/create-document.ts';
import { createTestLatchkey, testPassword } from '../kit/create-test-latchkey.ts';
import { createApi, type WireError } from './api.ts';
import { procedures, type Access } from './procedures.ts';

const t = await createTestLatchkey();
const { url } = await t.serve();
const api = createApi(url);
afterAll(() => t.close());

const text = (await api.send('/openapi.json')).text;
const document = JSON.parse(text) as OpenApiDocument & Record<string, unknown>;

interface Described {
  readonly path: string;
  readonly method: string;
  readonly operation: OpenApiDocument['paths'][string][string];
}

const described: readonly Described[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);
const calls = described.filter(({ path }) => path.startsWith('/trpc/'));

/** A schema of the document as zod's, which looks for definitions where JSON Schema has them. */
function schemaOf(schema: unknown): z.ZodType {
  const { schemas } = document.components;
  const whole = JSON.stringify({ ...(schema as object), $defs: schemas });
  const own = whole.replaceAll('#/components/schemas/', '#/$defs/');
  return z.fromJSONSchema(JSON.parse(own) as z.core.JSONSchema.JSONSchema);
}

/** Whom an operation is for, by what a reader sees. */
function accessOf({ security = [], description = '' }: Described['operation']): Access {
  const isForAll = security.length === 0 || security.some((way) => Object.keys(way).length === 0);
  if (isForAll) return 'public';
  return description.includes('For admins.') ? 'admin' : 'protected';
}

function contentOf({ operation }: Described) {
  return (operation.requestBody ?? operation.parameters?.[0])?.content['application/json'];
}

/** The inputs that a page shows: the examples, or what is made of those of the fields. */
function inputsOf(call: Described): unknown[] {
  const content = contentOf(call);
  if (!content) return [undefined];
  if (content.example !== undefined) return [content.example];
  if (content.examples) return Object.values(content.examples).map(({ value }) => value);
  const { properties = {} } = content.schema as {
    properties?: Record<string, { examples?: unknown[]; enum?: unknown[] }>;
  };
  return [
    Object.fromEntries(
      Object.entries(properties).map(([name, field]) => [
        name,
        field.examples?.[0] ?? field.enum?.[0],
      ]),
    ),
  ];
}

/** Sends what the document says, as any client made of it would. */
function send({ path, method, operation }: Described, input: unknown, token?: string) {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const isInQuery = operation.parameters !== undefined && input !== undefined;
  const query = isInQuery ? `?input=${encodeURIComponent(JSON.stringify(input))}` : '';
  return api.send(`${path}${query}`, {
    method: method.toUpperCase(),
    headers: {
      ...authorization,
      ...(operation.requestBody ? { 'content-type': 'application/json' } : {}),
    },
    ...(operation.requestBody ? { body: JSON.stringify(input) } : {}),
  });
}

/** Posts a form of the fields that the document names; the answer is one that it describes. */
async function sendForm(
  path: string,
  fields: Record<string, string>,
  sent: Record<string, string> = {},
) {
  const operation = document.paths[path]?.['post'];
  const form = operation?.requestBody?.content['application/x-www-form-urlencoded'];
  schemaOf(form?.schema).parse(fields);
  const answer = await api.send(path, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers: sent,
  });
  expect(operation?.responses).toHaveProperty([String(answer.status)]);
  const { content, headers = {} } = operation?.responses[String(answer.status)] ?? {};
  const { schema } = content?.['application/json'] ?? {};
  if (schema) schemaOf(schema).parse(JSON.parse(answer.text));
  else expect(answer.text).toBe('');
  for (const name of Object.keys(headers)) expect(answer.headers.has(name)).toBe(true);
  return answer;
}

let admins = 0;
async function adminToken(): Promise<string> {
  admins += 1;
  const admin = await t.signInAs({ role: 'admin', email: `admin-${admins}@page.example` });
  return admin.accessToken;
}

describe('/openapi.json', () => {
  test('is a document of OpenAPI 3.1', async () => {
    expect(document.openapi).toBe('3.1.1');
    expect(await new Validator().validate(document)).toMatchObject({ valid: true });
  });

  test('describes every procedure of the contract, and who may call it', () => {
    expect(
      calls.map(({ path, method, operation }) => ({
        path: path.slice('/trpc/'.length),
        kind: method === 'get' ? 'query' : 'mutation',
        access: accessOf(operation),
      })),
    ).toEqual(procedures);
  });

  test('describes every path outside tRPC but its own', async () => {
    const others = described.filter((each) => !calls.includes(each));
    expect(others.map(({ path }) => path)).toEqual([
      '/.well-known/jwks.json',
      '/.well-known/oauth-authorization-server',
      '/health/live',
      '/health/ready',
      '/oauth/token',
      '/oauth/revoke',
      '/oauth/introspect',
    ]);
    for (const call of others.filter(({ method }) => method === 'get')) {
      const answer = await send(call, undefined);
      const [status, response] = Object.entries(call.operation.responses)[0] ?? [];
      expect(String(answer.status)).toBe(status);
      const { schema } = response?.content?.['application/json'] ?? {};
      schemaOf(schema).parse(JSON.parse(answer.text));
    }
  });

  test('describes the forms of OAuth as they are taken', async () => {
    const { user } = await t.signInAs({ role: 'admin', email: 'form@page.example' });
    const password = { grant_type: 'password', username: user.email, password: testPassword };
    const { text: signedIn } = await sendForm('/oauth/token', password);
    const { access_token: token } = JSON.parse(signedIn) as { access_token: string };
    const asked = await sendForm(
      '/oauth/introspect',
      { token },
      { authorization: `Bearer ${token}` },
    );
    expect(JSON.parse(asked.text)).toMatchObject({ active: true });
    await sendForm('/oauth/introspect', { token }, { authorization: 'Bearer none' });
    await sendForm('/oauth/token', { ...password, password: 'wrong' });
    await sendForm('/oauth/token', password, { origin: 'https://elsewhere.example' });
    await sendForm('/oauth/revoke', { token });
  });

  test('says of each procedure what it is for, and of each field what it can', () => {
    expect(calls.filter(({ operation }) => operation.summary === undefined)).toEqual([]);
    expect(Object.keys(document.components.schemas).toSorted()).toEqual([
      'AuditEvent',
      'AuthResult',
      'Refusal',
      'Session',
      'SigningKey',
      'User',
    ]);
    // What is known of an answer is never nothing.
    expect(text).not.toContain('"data":{}');
  });

  test('is kept by whoever has it already', async () => {
    const first = await api.send('/openapi.json');
    expect(first.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(first.headers.get('cache-control')).toBe('no-cache');
    const etag = first.headers.get('etag') ?? '';
    const again = await api.send('/openapi.json', { headers: { 'if-none-match': etag } });
    expect({ status: again.status, text: again.text }).toEqual({ status: 304, text: '' });
    expect((await api.send('/openapi.json', { method: 'HEAD' })).status).toBe(200);
  });
});

describe.each(calls)('$method $path', (call) => {
  const { path, method, operation } = call;
  test('is the method that the server takes', async () => {
    const other = method === 'get' ? 'post' : 'get';
    const answer = await send({ ...call, method: other, operation: { responses: {} } }, undefined);
    expect([405, 415]).toContain(answer.status);
  });

  test('wants a token exactly if it says so', async () => {
    const [input] = inputsOf(call);
    const answer = await send(call, input);
    const { error } = JSON.parse(answer.text) as { error?: WireError };
    expect(error?.data.reason === 'token_missing').toBe(accessOf(operation) !== 'public');
  });

  test('takes its examples, and answers as it says', async () => {
    for (const input of inputsOf(call)) {
      const answer = await send(
        call,
        input,
        operation.security?.length ? await adminToken() : undefined,
      );
      const body = JSON.parse(answer.text) as { error?: WireError };
      const response = operation.responses[String(answer.status)];
      const described = response?.content?.['application/json'];
      schemaOf(described?.schema).parse(body);
      if (!body.error) continue;
      expect(body.error.data.reason).not.toBe('invalid_input');
      expect(Object.keys(described?.examples ?? {})).toContain(body.error.data.reason);
    }
  });

  test('gives refusals as they are written', () => {
    for (const [status, { content, description, headers }] of Object.entries(operation.responses)) {
      if (status === '200') continue;
      const { schema, examples = {} } = content?.['application/json'] ?? {};
      for (const [reason, { value }] of Object.entries(examples)) {
        schemaOf(schema).parse(value);
        const { data } = (value as { error: WireError }).error;
        expect(data).toMatchObject({ reason, httpStatus: Number(status), path: path.slice(6) });
        expect(description).toContain(reason);
        expect(headers !== undefined).toBe(data.retryAfter !== undefined);
      }
    }
  });
});

test('whatever is wrong with a token, the operation says so', async () => {
  const { accessToken: expired } = await t.signInAs({ email: 'expired@page.example' });
  t.clock.advance(3_600);
  const { accessToken: revoked } = await t.signInAs({ email: 'revoked@page.example' });
  await api.mutate('session.revokeAll', { token: revoked });
  const { accessToken: stale, user } = await t.signInAs({ email: 'stale@page.example' });
  const role = { userId: user.id, role: 'admin' };
  await api.mutate('admin.setRole', { token: await adminToken(), input: role });
  const tokens = { token_expired: expired, session_revoked: revoked, token_stale: stale };
  for (const call of calls.filter(({ operation }) => accessOf(operation) !== 'public')) {
    for (const [reason, token] of Object.entries({ ...tokens, token_invalid: 'none' })) {
      const answer = await send(call, inputsOf(call)[0], token);
      const { error } = JSON.parse(answer.text) as { error?: WireError };
      expect(error?.data.reason).toBe(reason);
      const { content } = call.operation.responses[String(answer.status)] ?? {};
      expect(Object.keys(content?.['application/json']?.examples ?? {})).toContain(reason);
    }
  }
});

describe('/docs', () => {
  test('is a page that loads from nowhere else', async () => {
    const page = await api.send('/docs');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    expect(page.text).not.toMatch(/https?:|\/\/[a-z]|<style|<script>|style=|onload=/);
  });

  test.each([
    ['/docs/init.js', 'text/javascript; charset=utf-8'],
    ['/docs/page.css', 'text/css; charset=utf-8'],
    ['/docs/swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
    ['/docs/swagger-ui.css', 'text/css; charset=utf-8'],
  ])('%s is served as %s', async (path, type) => {
    const file = await api.send(path);
    expect(file.status).toBe(200);
    expect(file.headers.get('content-type')).toBe(type);
    expect(file.headers.get('x-content-type-options')).toBe('nosniff');
    const etag = file.headers.get('etag') ?? '';
    expect((await api.send(path, { headers: { 'if-none-match': etag } })).status).toBe(304);
  });

  test.each(['/docs/', '/docs/index.html', '/docs/../package.json', '/docs/swagger-ui.js'])(
    '%s is not there',
    async (path) => {
      expect((await api.send(path)).status).toBe(404);
    },
  );
});

test('in production the procedures of a host are published only where it asks for that', async () => {
  await using host = await createTestLatchkey({
    production: true,
    rateLimits: true,
    bcryptCost: 10,
    url: 'https://host.example',
    secret: randomBytes(32).toString('base64url'),
  });
  const { latchkey } = host;
  const endpoint = { router: latchkey.appRouter, createContext: latchkey.createContext };
  const page = new Request('https://host.example/docs');
  expect((await latchkey.fetchHandler(endpoint)(page)).status).toBe(404);
  expect((await latchkey.fetchHandler({ ...endpoint, apiPage: true })(page)).status).toBe(200);
  expect((await latchkey.fetchHandler()(page)).status).toBe(200);
});

test('a host can leave the page out', async () => {
  const handle = t.latchkey.fetchHandler({ apiPage: false });
  for (const path of ['/docs', '/openapi.json', '/docs/init.js']) {
    expect((await handle(new Request(`http://localhost:4000${path}`))).status).toBe(404);
  }
});
