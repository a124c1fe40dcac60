import type { Store } from '../store/store.ts';
import type { KeyRing } from '../tokens/key-ring.ts';
import { answerJson, type Answer } from './answer.ts';
import type { IncomingCall } from './handler.ts';
import { introspectionPath, revocationPath, tokenPath } from './oauth/oauth-routes.ts';

/** A path outside tRPC. */
export interface Route {
  readonly path: string;
  /** `GET`, which takes HEAD with it, by default. */
  readonly method?: 'GET' | 'POST';
  /** `null` for whom there is nothing at this path. */
  answer(call: IncomingCall): Answer | null | Promise<Answer | null>;
}

/** How long others may keep the public keys, in seconds; a new key is published long before it signs. */
const jwksMaxAgeSeconds = 300;

export interface RouteParts {
  readonly url: string;
  readonly keyRing: KeyRing;
  readonly store: Pick<Store, 'ping'>;
  /** True once the process has begun to stop. */
  readonly isDraining: () => boolean;
}

/** Discovery and health. */
export function createRoutes({ url, keyRing, store, isDraining }: RouteParts): readonly Route[] {
  return [
    {
      // RFC 7517 §5, at the path that RFC 8414 §2 lets us name.
      path: '/.well-known/jwks.json',
      answer: async () =>
        answerJson(
          { keys: await keyRing.publicKeys() },
          { headers: { 'cache-control': `public, max-age=${jwksMaxAgeSeconds}` } },
        ),
    },
    {
      path: '/.well-known/oauth-authorization-server',
      answer: async () =>
        answerJson(
          {
            issuer: url,
            token_endpoint: `${url}${tokenPath}`,
            revocation_endpoint: `${url}${revocationPath}`,
            introspection_endpoint: `${url}${introspectionPath}`,
            jwks_uri: `${url}/.well-known/jwks.json`,
            grant_types_supported: ['password', 'refresh_token'],
            // There is no authorization endpoint, and REQUIRED is the member all the same (RFC 8414 §2).
            response_types_supported: [],
            token_endpoint_auth_methods_supported: ['none'],
            revocation_endpoint_auth_methods_supported: ['none'],
            introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'Bearer'],
            service_documentation: `${url}/docs`,
          },
          { headers: { 'cache-control': `public, max-age=${jwksMaxAgeSeconds}` } },
        ),
    },
    {
      path: '/health/live',
      answer: async () => answerJson({ status: 'ok' }),
    },
    {
      path: '/health/ready',
      answer: async () => {
        const reason = isDraining() ? 'stopping' : await findStorageProblem(store);
        return reason === null
          ? answerJson({ status: 'ok' })
          : answerJson({ status: 'unavailable', reason }, { status: 503 });
      },
    },
  ];
}

async function findStorageProblem(store: Pick<Store, 'ping'>): Promise<string | null> {
  try {
    await store.ping();
    return null;
  } catch {
    // Whatever it is, nothing can be answered while it lasts; the calls that meet it log it.
    return 'storage';
  }
}
