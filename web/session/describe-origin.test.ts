import { expect, test } from 'vitest';
import { texts } from '../texts.ts';
import { describeDevice, describePlace, kindOfDevice } from './describe-origin.ts';

const iphone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';

test.each([
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
  [iphone, 'Safari on iOS'],
  ['curl/8.14.1', 'curl'],
  ['node', 'node'],
  ['', texts.sessions.unknownDevice],
  [null, texts.sessions.unknownDevice],
])('%s is %s', (userAgent, device) => {
  expect(describeDevice(userAgent)).toBe(device);
});

test('a telephone, a computer and a program are told apart', () => {
  expect(kindOfDevice(iphone)).toBe('mobile');
  expect(kindOfDevice('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0')).toBe('computer');
  expect(kindOfDevice('curl/8.14.1')).toBe('program');
  expect(kindOfDevice(null)).toBe('program');
});

test.each(['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])('%s is this machine', (ip) => {
  expect(describePlace(ip)).toBe(texts.sessions.thisMachine);
});

test.each([
  '10.1.2.3',
  '172.16.0.1',
  '172.31.9.9',
  '192.168.1.1',
  '100.64.0.1',
  'fd00::1',
  'fe80::1',
])('%s is a private network', (ip) => {
  expect(describePlace(ip)).toContain(texts.sessions.privateNetwork);
});

test.each(['172.32.0.1', '100.128.0.1', '203.0.113.5', '2001:db8::1', '11.0.0.1'])(
  '%s is only itself',
  (ip) => {
    expect(describePlace(ip)).toBe(ip);
  },
);
