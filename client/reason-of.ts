import { isReason, type Reason } from '../shared/reasons.ts';

/**
 * Finds out why Latchkey refused a call, whatever was caught.
 *
 * Reads `error.data.reason`; where a host application's own error formatter
 * drops that, the `[reason]` with which Latchkey's messages end.
 *
 * @returns the reason, or `null` for an error that is not a refusal of Latchkey
 * @example
 * ```ts
 * try {
 *   await client.signIn({ email, password });
 * } catch (error) {
 *   if (reasonOf(error) === 'rate_limited') showPleaseWait();
 * }
 * ```
 */
export function reasonOf(error: unknown): Reason | null {
  const named = property(property(error, 'data'), 'reason');
  if (isReason(named)) return named;
  const message = property(error, 'message');
  const trailing = typeof message === 'string' ? /\[(\w+)\]$/.exec(message)?.[1] : undefined;
  return isReason(trailing) ? trailing : null;
}

/**
 * True when the server itself said that the credential will not do: a message
 * alone proves nothing, since a host's messages may carry what users typed.
 */
export function isUnauthorized(error: unknown): boolean {
  const shape = property(error, 'shape');
  return (
    // The number that tRPC gives UNAUTHORIZED; a formatter may change `data` but hardly this.
    property(shape, 'code') === -32_001 ||
    property(property(shape, 'data'), 'code') === 'UNAUTHORIZED'
  );
}

/** True when no answer of tRPC arrived: the network, a time-out, or a stranger in between. */
export function isLostReply(error: unknown): boolean {
  return !property(error, 'shape');
}

/** A property of whatever it is, or `undefined`. */
export function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
