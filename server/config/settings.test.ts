import { expect, test } from 'vitest';
import { ConfigurationError } from './configuration-error.ts';
import { databasePathOf, resolveSettings, type SettingsInput } from './settings.ts';

/** The lines with which options are refused; none where they are good. */
function problemsOf(input: SettingsInput): readonly string[] {
  try {
    resolveSettings(input, 'option');
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

test('a problem names the option, not the variable, and says what is wanted', () => {
  expect(problemsOf({ bcryptCost: 99, accessTtlSeconds: Number.NaN })).toEqual([
    'accessTtlSeconds: not valid. Wanted: whole seconds, 1 to 86400.',
    'bcryptCost: not valid. Wanted: 10 to 15; from 4 outside production.',
  ]);
});

test('an option that does not exist is named', () => {
  const misspelled = { databse: 'file:hunter2.db', toString: 1 } as SettingsInput;
  expect(problemsOf(misspelled)).toEqual([
    'databse: there is no such option. Remove it.',
    'toString: there is no such option. Remove it.',
  ]);
});

test('what is wrong and what does not go together shows at once', () => {
  const input = { production: true, bcryptCost: 4, rateLimits: false, url: 'nowhere' };
  const names = problemsOf(input).map((problem) => problem.split(':', 1)[0]);
  expect(names).toEqual(['url', 'bcryptCost', 'rateLimits']);
});

test('an option that is undefined has its default', () => {
  const input = { url: undefined, audience: undefined, allowedOrigins: undefined };
  expect(resolveSettings(input, 'option')).toEqual(resolveSettings({}, 'option'));
});

test('audience and allowed origins follow the URL until they are set', () => {
  const { audience, allowedOrigins } = resolveSettings({ url: 'https://a.example' }, 'option');
  expect(audience).toBe('https://a.example');
  expect(allowedOrigins).toEqual(['https://a.example']);
  const none = { url: 'https://a.example', audience: 'api', allowedOrigins: [] };
  expect(resolveSettings(none, 'option')).toMatchObject({ audience: 'api', allowedOrigins: [] });
});

test.each([
  ['http://localhost:4000', ['http://localhost:4000', 'http://127.0.0.1:4000']],
  ['http://localhost', ['http://localhost', 'http://127.0.0.1']],
  ['https://localhost.example', ['https://localhost.example']],
])('a page of %s comes from %j', (url, origins) => {
  expect(resolveSettings({ url }, 'option').allowedOrigins).toEqual(origins);
});

test.each([
  ['file:./data/latchkey.db', './data/latchkey.db'],
  ['file:/var/lib/file:x.db', '/var/lib/file:x.db'],
  [':memory:', ':memory:'],
])('%s is the database %s', (database, path) => {
  expect(databasePathOf({ database })).toBe(path);
});

test.each([
  [['http://app.example'], {}, ['allowedOrigins']],
  [['http://localhost.app.example'], {}, ['allowedOrigins']],
  [['http://app.example'], { allowHttp: true }, []],
  [['https://app.example', 'http://localhost:5173', 'http://127.0.0.1', 'http://[::1]:1'], {}, []],
])('in production a page of %j with %j is wrong in %j', (allowedOrigins, more, wrong) => {
  const input = { url: 'https://a.example', production: true, allowedOrigins, ...more };
  expect(problemsOf(input).map((problem) => problem.split(':', 1)[0])).toEqual(wrong);
});
