import { isIPv4, isIPv6, SocketAddress } from 'node:net';

const ipv4InIpv6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/;

/**
 * The key under which an address is counted: an IPv4 address itself, the /64
 * network of an IPv6 address (whoever has one address there has them all), and
 * one shared key for whatever is not an address.
 */
export function networkOf(ip: string | null): string {
  if (ip === null) return 'unknown';
  if (isIPv4(ip)) return ip;
  const withoutZone = ip.split('%', 1)[0] ?? '';
  if (!isIPv6(withoutZone)) return 'unknown';
  // SocketAddress writes the canonical form (RFC 5952): at most one `::`, IPv4 in IPv6 with dots.
  const { address } = new SocketAddress({ address: withoutZone, family: 'ipv6' });
  return ipv4InIpv6.exec(address)?.[1] ?? `${groupsOf(address).slice(0, 4).join(':')}::/64`;
}

function groupsOf(canonicalIpv6: string): string[] {
  const [before = [], after = []] = canonicalIpv6
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after];
}
