import { afterAll, expect, test } from 'vitest';
import { createTestLatchkey } from '../../server/testing/index.ts';
import { openWire } from './wire.ts';

/** What the fuzzer found, each in its smallest form. */

const t = await createTestLatchkey();
const { url } = await t.serve();
afterAll(() => t.close());

test('a batch that tRPC refuses as a whole was answered as plain text', async () => {
  const response = await fetch(`${url}/trpc/user.update,user.me?batch=1`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect(response.status).toBe(400);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(await response.json()).toMatchObject({ error: { data: { reason: 'invalid_input' } } });
});

test('a pipelined request that expects 100-continue got it in the middle of an answer', async () => {
  const wire = openWire(Number(new URL(url).port));
  const request = 'GET /trpc/user.me HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\n';
  wire.write(Buffer.from(request.repeat(3)));
  const first = await wire.read('GET');
  const second = await wire.read('GET');
  for (const answer of [first, second]) expect(answer?.body).toMatch(/^\{"error":.+\}$/);
  // Node keeps no connection whose client may still wait for its 100-continue.
  expect(second?.headers.get('connection')).toEqual(['close']);
  expect(await wire.read('GET')).toBeNull();
  wire.destroy();
});

test('a request that is alone and expects 100-continue gets it', async () => {
  const wire = openWire(Number(new URL(url).port));
  const head = [
    'POST /trpc/auth.logout HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    'Content-Length: 2',
    'Expect: 100-continue',
  ];
  wire.write(Buffer.from(`${head.join('\r\n')}\r\n\r\n`));
  expect((await wire.read('GET', 'interim'))?.status).toBe(100);
  wire.write(Buffer.from('{}'));
  expect(await wire.read('POST')).toMatchObject({
    status: 200,
    body: '{"result":{"data":{"revoked":false}}}',
  });
  wire.destroy();
});
