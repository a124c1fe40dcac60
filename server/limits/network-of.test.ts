import fc from 'fast-check';
import { expect, test } from 'vitest';
import { networkOf } from './network-of.ts';

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['::FFFF:203.0.113.9', '203.0.113.9'],
  ['::ffff:cb00:7109', '203.0.113.9'],
  ['0:0:0:0:0:ffff:203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9%eth0', '203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002:ffff::1', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['2001:db8::5:6', '2001:db8:0:0::/64'],
  ['2001::4:5:6:7:8', '2001:0:0:4::/64'],
  ['2001::5:6:7:8', '2001:0:0:0::/64'],
  ['::3:4:5:6:7:8', '0:0:3:4::/64'],
  ['2001:db8:1::8', '2001:db8:1:0::/64'],
  ['2001:db8:1:2:3::', '2001:db8:1:2::/64'],
  ['::203.0.113.9', '0:0:0:0::/64'],
  ['::ffff:5', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  [null, 'unknown'],
  ['', 'unknown'],
  ['localhost', 'unknown'],
  ['203.0.113.9:443', 'unknown'],
  ['[2001:db8::1]', 'unknown'],
  ['203.0.113.009', 'unknown'],
  ['2001:db8::1::2', 'unknown'],
])('%s is counted as %s', (ip, key) => {
  expect(networkOf(ip)).toBe(key);
});

test('whoever has a network of 64 bits has one key, in any spelling', () => {
  const group = fc.integer({ min: 1, max: 0xffff }).map((value) => value.toString(16));
  const groups = fc.array(group, { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(groups, groups, (network, host) => {
      // `::` of IPv4 in IPv6 cannot come up: no group is zero.
      const key = `${network.join(':')}::/64`;
      expect(networkOf([...network, ...host].join(':'))).toBe(key);
      expect(networkOf([...network, ...host].join(':').toUpperCase())).toBe(key);
      expect(networkOf(`${network.map((part) => part.padStart(4, '0')).join(':')}::1`)).toBe(key);
    }),
  );
});

test('an IPv4 address has one key, alone or inside an IPv6 address', () => {
  fc.assert(
    fc.property(fc.ipV4(), (ip) => {
      const hex = ip
        .split('.')
        .map((part) => Number(part).toString(16).padStart(2, '0'))
        .join('');
      expect(networkOf(ip)).toBe(ip);
      expect(networkOf(`::ffff:${ip}`)).toBe(ip);
      expect(networkOf(`::ffff:${hex.slice(0, 4)}:${hex.slice(4)}`)).toBe(ip);
    }),
  );
});

test('whatever stands in a header has a key', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.ipV6(), fc.ipV4()), (ip) => {
      expect(networkOf(ip)).not.toBe('');
    }),
  );
});
