import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LatchkeyError } from '../shared/latchkey-error.ts';
import { ConfigurationError } from './config/configuration-error.ts';
import { describeError } from './logger.ts';

const secret = 'hunter2';

test('a log is a JSON object a line on stdout, with its level and time, from its level up', () => {
  const module = JSON.stringify(new URL('logger.ts', import.meta.url));
  const program = `
    const { createLogger } = await import(${module});
    const logger = createLogger('warn');
    logger.info({}, 'quiet');
    logger.warn({ status: 503 }, 'request');
    logger.error({}, 'a\\nb');`;
  const args = ['--input-type=module', '--eval', program];
  const lines = execFileSync(process.execPath, args, { encoding: 'utf8' }).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { level: 'warn', time: expect.any(String) as unknown, status: 503, msg: 'request' },
    { level: 'error', time: expect.any(String) as unknown, msg: 'a\nb' },
  ]);
});

test('of an error its name, its code and its places are said, and those of its causes', () => {
  const cause = Object.assign(new TypeError(secret), { code: 'SQLITE_FULL' });
  expect(describeError(new Error(secret, { cause }))).toEqual({
    error: 'Error',
    at: expect.arrayContaining([expect.stringMatching(/^at .*logger\.test\.ts/)]) as unknown,
    cause: {
      error: 'TypeError',
      code: 'SQLITE_FULL',
      at: expect.any(Array) as unknown,
    },
  });
});

test('of a wrong set-up it is said what to mend', () => {
  const problems = ['LATCHKEY_URL: not valid.'];
  expect(describeError(new ConfigurationError(problems))).toMatchObject({ problems });
});

test.each([
  new Error(secret),
  new Error(`Failed query: insert into users\nparams: ${secret}\n    at ${secret}`),
  new Error('x', { cause: new Error(secret) }),
  new LatchkeyError('overloaded', { cause: secret }),
  Object.assign(new Error('x'), { params: [secret], input: secret, code: 7 }),
  new AggregateError([new Error(secret)], secret),
  secret,
  { secret },
  null,
])('what an error says is left out: %j', (error) => {
  expect(JSON.stringify(describeError(error))).not.toContain(secret);
});

test('no message gets through, whatever it looks like', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(secret, '\n', '    at ', 'Error: ', 'x')), (parts) => {
      expect(JSON.stringify(describeError(new Error(parts.join(''))))).not.toContain(secret);
    }),
  );
});

test('an error that is its own cause is described all the same', () => {
  const error = new Error('x');
  error.cause = error;
  expect(describeError(error)).toMatchObject({ error: 'Error' });
});
