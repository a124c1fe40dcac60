import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { CallContext } from './context.ts';

/**
 * Whatever changes state beside our cookie, or asks for one, must come from an allowed page.
 *
 * @throws LatchkeyError `forbidden`
 */
export function assertAllowedOrigin({ isFromAllowedOrigin }: CallContext): void {
  if (!isFromAllowedOrigin) throw new LatchkeyError('forbidden');
}
