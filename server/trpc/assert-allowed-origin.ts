import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { CallContext } from './context.ts';

const message =
  'The page that calls is of an origin that is not allowed. Serve it from the origin that the option url (LATCHKEY_URL) names, or name its own in allowedOrigins (LATCHKEY_ALLOWED_ORIGINS).';

/**
 * Whatever changes state beside our cookie, or asks for one, must come from an allowed page.
 *
 * @throws LatchkeyError `forbidden`
 */
export function assertAllowedOrigin({ isFromAllowedOrigin }: CallContext): void {
  if (!isFromAllowedOrigin) throw new LatchkeyError('forbidden', { message });
}
