import fc from 'fast-check';
import { expect, test } from 'vitest';
import { resolveSettings } from '../config/settings.ts';
import { createClientIp } from './client-ip.ts';

const clientIp = createClientIp(['10.0.0.0/8', '192.0.2.7', '2001:db8:f::/48']);

test('without trusted proxies the header is anybody’s', () => {
  const clientIp = createClientIp([]);
  expect(clientIp('203.0.113.9', '198.51.100.1')).toBe('203.0.113.9');
  expect(clientIp('127.0.0.1', '198.51.100.1')).toBe('127.0.0.1');
  expect(clientIp(null, '198.51.100.1')).toBeNull();
});

test.each([
  ['a stranger says so', ['203.0.113.9', '198.51.100.1'], '203.0.113.9'],
  ['a neighbour of a proxy says so', ['192.0.2.8', '198.51.100.1'], '192.0.2.8'],
  ['nothing was forwarded', ['10.0.0.1', null], '10.0.0.1'],
  ['nobody is known', [null, '198.51.100.1'], null],
  ['a proxy says so', ['10.0.0.1', '198.51.100.1'], '198.51.100.1'],
  ['a proxy says so by its one address', ['192.0.2.7', '198.51.100.1'], '198.51.100.1'],
  ['a proxy says so over IPv6', ['2001:db8:f::1', '2001:db8:a::1'], '2001:db8:a::1'],
  ['a proxy on a dual stack says so', ['::ffff:10.0.0.1', '198.51.100.1'], '198.51.100.1'],
  ['the client wrote one itself', ['10.0.0.1', '1.1.1.1, 198.51.100.1'], '198.51.100.1'],
  [
    'the client wrote one of a proxy itself',
    ['10.0.0.1', '10.9.9.9, 198.51.100.1'],
    '198.51.100.1',
  ],
  ['two proxies stand in a row', ['10.0.0.1', '198.51.100.1, 10.0.0.2'], '198.51.100.1'],
  [
    'a proxy on a dual stack stands between',
    ['10.0.0.1', '198.51.100.1,::ffff:10.0.0.2'],
    '198.51.100.1',
  ],
  ['all of them are proxies', ['10.0.0.1', '10.0.0.3, 10.0.0.2'], '10.0.0.3'],
  ['spaces are plenty', ['10.0.0.1', '  198.51.100.1\t,  10.0.0.2 '], '198.51.100.1'],
  ['garbage stands further left', ['10.0.0.1', 'garbage, 198.51.100.1'], '198.51.100.1'],
  ['garbage is what the proxy forwards', ['10.0.0.1', '198.51.100.1, garbage'], null],
  ['the header is empty', ['10.0.0.1', ''], null],
  ['an entry is empty', ['10.0.0.1', '198.51.100.1,'], null],
  ['a port goes along', ['10.0.0.1', '198.51.100.1:4711'], null],
  ['there are brackets', ['10.0.0.1', '[2001:db8:a::1]'], null],
  ['it is hidden', ['10.0.0.1', 'unknown'], null],
] as const)('where %s: %j is %s', (_, [peer, forwardedFor], ip) => {
  expect(clientIp(peer, forwardedFor)).toBe(ip);
});

test('what stands left of a client’s address never counts', () => {
  const written = fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.constant('10.0.0.9'));
  fc.assert(
    fc.property(fc.array(written), (entries) => {
      const forwardedFor = [...entries, '198.51.100.1', '10.0.0.2'].join(', ');
      expect(clientIp('10.0.0.1', forwardedFor)).toBe('198.51.100.1');
    }),
  );
});

test('a link-local peer with its zone is an address', () => {
  expect(createClientIp(['fe80::/10'])('fe80::1%eth0', '198.51.100.1')).toBe('198.51.100.1');
  expect(clientIp('fe80::1%eth0', '198.51.100.1')).toBe('fe80::1%eth0');
});

test('whatever the settings take for a proxy can be compared with', () => {
  const prefix = fc.integer({ min: -1, max: 129 }).map((bits) => `/${bits}`);
  const entry = fc
    .tuple(
      fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('::', 'fe80::1%eth0', '::ffff:10.0.0.0', '')),
      fc.oneof(fc.constantFrom('', '/', '/08', '/8x'), prefix),
    )
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(entry, (proxy) => {
      let trustedProxies: readonly string[] = [];
      try {
        ({ trustedProxies } = resolveSettings({ trustedProxies: [proxy] }, 'option'));
      } catch {
        fc.pre(false); // Refused, as most of these are.
      }
      const own = proxy.split('/', 1)[0] ?? '';
      expect(createClientIp(trustedProxies)(own, '203.0.113.9')).toBe('203.0.113.9');
    }),
  );
});
