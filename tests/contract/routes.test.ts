import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { reasons } from '../../shared/reasons.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { lacks } from '../kit/mode.ts';
import { runSql } from '../kit/run-sql.ts';
import { createApi } from './api.ts';
import { like } from './like.ts';
import { exchange, requestText } from './raw-socket.ts';
import { createFolder, startProcess } from './server-process.ts';

const t = await createTestLatchkey({ url: 'https://auth.example.com' });
const { url } = await t.serve();
const api = createApi(url);
afterAll(() => t.close());

describe('GET /.well-known/jwks.json', () => {
  test('answers the public keys, for others to keep', async () => {
    const answer = await api.send('/.well-known/jwks.json');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.headers.get('cache-control')).toMatch(/^public, max-age=\d+$/);
    const key = {
      kty: 'OKP',
      crv: 'Ed25519',
      x: expect.stringMatching(/^[\w-]{43}$/) as unknown,
      kid: expect.stringMatching(/^[\w-]{16}$/) as unknown,
      alg: 'EdDSA',
      use: 'sig',
    };
    expect(JSON.parse(answer.text)).toEqual({ keys: [key, key] });
  });

  test('answers an empty set with HS256', async () => {
    await using symmetric = await createTestLatchkey({ signingAlgorithm: 'HS256' });
    const wire = createApi((await symmetric.serve()).url);
    expect(JSON.parse((await wire.send('/.well-known/jwks.json')).text)).toEqual({ keys: [] });
  });
});

describe('GET /.well-known/oauth-authorization-server', () => {
  test('answers metadata of the configured origin, whatever Host says', async () => {
    const answer = await exchange(
      url,
      requestText('GET /.well-known/oauth-authorization-server', [
        'X-Forwarded-Host: evil.example',
        'X-Forwarded-Proto: http',
      ]),
    );
    expect(answer.statuses).toEqual([200]);
    expect(answer.text).not.toContain('evil');
    const own = await api.send('/.well-known/oauth-authorization-server');
    expect(JSON.parse(own.text)).toMatchObject({
      issuer: 'https://auth.example.com',
      jwks_uri: 'https://auth.example.com/.well-known/jwks.json',
    });
  });
});

describe('GET /health/*', () => {
  test.each(['/health/live', '/health/ready'])('%s answers 200', async (path) => {
    const answer = await api.send(path);
    expect({ status: answer.status, body: JSON.parse(answer.text) as unknown }).toEqual({
      status: 200,
      body: { status: 'ok' },
    });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect((await api.send(`${path}?x=y`)).status).toBe(200);
  });

  test('O-15: without storage it lives, is not ready, and says why', async () => {
    await using folder = await createFolder();
    const path = join(folder.path, 'gone.db');
    await using server = startProcess({ DATABASE_URL: `file:${path}` });
    const wire = createApi(await server.ready);
    expect((await wire.send('/health/ready')).status).toBe(200);
    await runSql(path, 'DROP TABLE signing_keys');

    const ready = await wire.send('/health/ready');
    expect({ status: ready.status, body: JSON.parse(ready.text) as unknown }).toEqual({
      status: 503,
      body: { status: 'unavailable', reason: 'storage' },
    });
    expect((await wire.send('/health/live')).status).toBe(200);
  });

  test.skipIf(lacks('the one connection to a file'))(
    'a route that fails answers a constant text and a request id',
    async () => {
      await using broken = await createTestLatchkey();
      const wire = createApi((await broken.serve()).url);
      await broken.composition.accounts.store.close();
      broken.clock.advance(60);
      const answer = await wire.send('/.well-known/jwks.json');
      expect(answer.status).toBe(500);
      expect(JSON.parse(answer.text)).toEqual({
        error: {
          message: `${reasons.internal.message} [internal]`,
          code: -32603,
          data: {
            code: 'INTERNAL_SERVER_ERROR',
            httpStatus: 500,
            reason: 'internal',
            requestId: like.id,
          },
        },
      });
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect((await wire.send('/health/ready')).status).toBe(503);
    },
  );
});

describe('the spelling of a path', () => {
  test.each([
    '/health',
    '/health/',
    '/health/ready/',
    '//health/ready',
    '/health//ready',
    '/health/%72eady',
    '/HEALTH/READY',
    '/health/ready;x',
    '/health/../health/ready',
    '/.well-known/',
    '/.well-known/jwks',
    '/.well-known/jwks.json/',
    '/.well-known%2Fjwks.json',
    '/.well-known/openid-configuration',
    'http://evil.example/health/ready',
  ])('%s answers 404', async (target) => {
    const answer = await exchange(url, requestText(`GET ${target}`));
    expect(answer.statuses).toEqual([404]);
  });
});

test('what is not asked for answers 404 without a word of detail', async () => {
  const unasked = [
    ['GET', '/metrics'],
    // The console is where it is asked for.
    ['GET', '/'],
  ];
  for (const [method, path] of unasked) {
    const answer = await api.send(path ?? '', { method: method ?? 'GET' });
    expect({ status: answer.status, text: answer.text }).toEqual({
      status: 404,
      text: 'Not found\n',
    });
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  }
});
