import { isIPv4, isIPv6, SocketAddress } from 'node:net';

const ipv4InIpv6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * The key under which an address is counted: an IPv4 address itself, the /64
 * network of an IPv6 address (whoever has one address there has them all), and
 * one shared key for whatever is not an address.
 */
export function networkOf(ip: string | null): string {
  if (ip === null) return 'unknown';
  const bare = ipv4InIpv6.exec(ip)?.[1] ?? ip;
  if (isIPv4(bare)) return bare;
  const withoutZone = bare.split('%', 1)[0] ?? '';
  if (!isIPv6(withoutZone)) return 'unknown';
  return `${expandIpv6(withoutZone).slice(0, 4).join(':')}::/64`;
}

function expandIpv6(ip: string): string[] {
  // SocketAddress writes the canonical form (RFC 5952), with at most one `::`.
  const { address } = new SocketAddress({ address: ip, family: 'ipv6' });
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
}
