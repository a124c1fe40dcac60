import type { AccessTokens } from '../tokens/access-token.ts';
import { countResults } from './count-results.ts';
import type { MetricRegistry } from './registry.ts';

/** Counts how often an access token is one that has been verified before. */
export function createTokenCounter(
  registry: MetricRegistry,
): (accessTokens: AccessTokens) => AccessTokens {
  const count = countResults(
    registry,
    ['hit', 'miss'],
    [
      'latchkey_token_cache_lookups_total',
      'Access tokens by whether they had been verified before; after a miss the signature is verified.',
    ],
  );
  return (accessTokens) => ({
    ...accessTokens,
    recall(token) {
      const known = accessTokens.recall(token);
      // After a miss the token is verified, and counted there.
      if (known) count.hit();
      return known;
    },
    verify(token) {
      count[accessTokens.recall(token) ? 'hit' : 'miss']();
      return accessTokens.verify(token);
    },
  });
}
