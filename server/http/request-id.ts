import { peerOf } from '../trpc/context.ts';
import type { IncomingCall } from './handler.ts';

/** What a proxy calls a request, if it can stand in a log and a header as it is. */
const wellFormed = /^[\w.-]{1,128}$/;

/**
 * Says which id a request has: that of a trusted proxy where it gave it one, or a new one.
 *
 * @param isTrusted whether that address is one of a proxy whose word is taken
 */
export function createRequestIds(
  isTrusted: (address: string) => boolean,
  newId: () => string,
): (call: Pick<IncomingCall, 'headers' | 'source'>) => string {
  return (call) => {
    const peer = peerOf(call.source);
    if (peer === null || !isTrusted(peer)) return newId();
    const [given, ...others] = call.headers('x-request-id');
    return given !== undefined && others.length === 0 && wellFormed.test(given) ? given : newId();
  };
}
