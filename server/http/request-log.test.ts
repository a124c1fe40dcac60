import { expect, test } from 'vitest';
import { createRuntime } from '../runtime.ts';
import { createTestClock } from '../testing/clock.ts';
import { createRequestLog } from './request-log.ts';

test('a flood is counted instead of written', () => {
  const clock = createTestClock(0);
  const lines: [string, object][] = [];
  const logger = {
    info: (fields: object, message: string) => lines.push([message, fields]),
    warn: (fields: object, message: string) => lines.push([message, fields]),
    error: () => {},
  };
  const log = createRequestLog(logger, createRuntime(clock.now));
  const target = '/trpc/auth.login?a=b';
  const request = { requestId: 'a', method: 'POST', target, status: 503, startedAt: 0 };
  for (let count = 0; count < 10_000; count += 1) log(request);
  expect(lines).toHaveLength(200);
  clock.advance(1);
  log(request);
  expect(lines.slice(200)).toEqual([
    ['requests not logged', { requests: 9_800 }],
    [
      'request',
      { requestId: 'a', method: 'POST', path: '/trpc/auth.login', status: 503, ms: 1_000 },
    ],
  ]);
});
