import { BlockList, isIP, isIPv6 } from 'node:net';

/** Says which address a request comes from. */
export type ClientIp = (peer: string | null, forwardedFor: string | null) => string | null;

/**
 * Says whether an address is one of a proxy whose word is taken.
 *
 * @param trustedProxies addresses and networks (CIDR)
 */
export function createProxyCheck(trustedProxies: readonly string[]): (address: string) => boolean {
  if (trustedProxies.length === 0) return () => false;
  const trusted = new BlockList();
  for (const entry of trustedProxies) {
    const [address = '', prefix] = entry.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    trusted.addSubnet(address, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  return (address) => trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/**
 * Reads `X-Forwarded-For` only from a trusted proxy, and from the right: what
 * stands left of the first address that is not a proxy of ours anybody may have written.
 *
 * @param trustedProxies addresses and networks (CIDR); with none the header is ignored
 * @returns the address, or `null` where a trusted proxy forwarded none that can be read
 */
export function createClientIp(trustedProxies: readonly string[]): ClientIp {
  if (trustedProxies.length === 0) return (peer) => peer;
  const isTrusted = createProxyCheck(trustedProxies);

  return (peer, forwardedFor) => {
    if (peer === null || !isTrusted(peer) || forwardedFor === null) return peer;
    const hops = forwardedFor.split(',').map((hop) => hop.trim());
    for (const hop of hops.toReversed()) {
      if (isIP(hop) === 0) return null;
      if (!isTrusted(hop)) return hop;
    }
    return hops[0] ?? null;
  };
}
