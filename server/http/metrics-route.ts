import { BlockList, isIPv6 } from 'node:net';
import { peerOf } from '../trpc/context.ts';
import { AnswerHeaders } from './answer.ts';
import type { IncomingCall } from './handler.ts';
import type { Route } from './routes.ts';

const metricsPath = '/metrics';

/** Figures in a form that says which it is. */
export interface MetricsText {
  readonly text: string;
  readonly type: string;
}

/**
 * Addresses that nobody has from outside: RFC 1918 §3, RFC 6598 §7 (where some clouds put their
 * pods), RFC 3927 §2.1, RFC 4193 §3, RFC 4291 §2.5, and the machine itself.
 */
const privateNetworks = [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const;

/** What proxies say of whom they ask for. */
const headersOfProxies = ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip'] as const;

/**
 * The figures, for whoever asks from a private address and not through a proxy. For everybody else
 * there is nothing here: they tell how much is going on, if nothing of anybody.
 */
export function createMetricsRoute(read: () => Promise<MetricsText>): Route {
  const networks = new BlockList();
  for (const [address, prefix] of privateNetworks) {
    networks.addSubnet(address, prefix, familyOf(address));
  }

  function isNear({ source }: IncomingCall): boolean {
    const peer = peerOf(source);
    return peer !== null && networks.check(peer, familyOf(peer));
  }

  return {
    path: metricsPath,
    async answer(call) {
      const isForwarded = headersOfProxies.some((name) => call.headers(name).length > 0);
      if (isForwarded || !isNear(call)) return null;
      const { text, type } = await read();
      return { status: 200, headers: new AnswerHeaders([['content-type', type]]), body: text };
    },
  };
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}
