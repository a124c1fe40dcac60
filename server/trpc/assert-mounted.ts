import { ConfigurationError } from '../config/configuration-error.ts';
import type { LatchkeyContext } from './context.ts';

/**
 * TypeScript does not check the context of a nested router, so a host can forget
 * ours; the first call then writes what to do into the log.
 *
 * @throws ConfigurationError
 */
export function assertMounted(ctx: unknown): asserts ctx is LatchkeyContext {
  if (typeof ctx === 'object' && ctx !== null && 'latchkey' in ctx && ctx.latchkey) return;
  throw new ConfigurationError([
    "The tRPC context lacks Latchkey's part. Spread it where you make the context: createContext: (opts) => ({ ...latchkey.createContext(opts), yours }).",
  ]);
}
