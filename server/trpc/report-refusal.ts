import type { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { RefusalLog } from '../audit/refusal-log.ts';
import { networkOf } from '../limits/network-of.ts';
import { describeError, type Logger } from '../logger.ts';
import type { Principal } from '../sessions/authenticate.ts';
import type { CallContext } from './context.ts';

/** A call that was refused. */
export interface RefusedCall {
  readonly latchkey: CallContext;
  /** The procedure, or the path outside tRPC. */
  readonly path: string;
  /** Whoever made it, if that was known by then. */
  readonly principal: Principal | null;
}

/** Tells the audit log, which keeps samples of what may be a try to get around a control. */
export function noteRefusal(
  refusals: RefusalLog,
  { reason }: LatchkeyError,
  { latchkey, path, principal }: RefusedCall,
): void {
  const { ip, userAgent } = latchkey.origin;
  const userId = principal?.user.id ?? null;
  const actor = { userId, sessionId: principal?.session.id ?? null, ip, userAgent };
  refusals.note({ reason, path, actor, source: userId ?? networkOf(ip) });
}

/** Logs what is a matter for the operator: the server's own faults, and a store that fails. */
export function logRefusal(
  logger: Logger,
  { reason, cause }: LatchkeyError,
  { latchkey, path }: { readonly latchkey: CallContext | undefined; readonly path: string },
): void {
  if (reason === 'internal') {
    logger.error({ requestId: latchkey?.requestId, path, ...describeError(cause) }, 'call failed');
  }
  // A hashing queue that is full has no cause. A store that did not answer has: a disk may be full.
  if (reason === 'overloaded' && cause !== undefined) {
    logger.warn(
      { requestId: latchkey?.requestId, path, ...describeError(cause) },
      'store unavailable',
    );
  }
}
