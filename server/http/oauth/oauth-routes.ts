import type { AccountParts } from '../../accounts/account-parts.ts';
import type { RefusalLog } from '../../audit/refusal-log.ts';
import type { Logger } from '../../logger.ts';
import type { Principal } from '../../sessions/authenticate.ts';
import type { ServiceCheck } from '../../tokens/service-credential.ts';
import type { CallContext, ContextSource, LatchkeyContext } from '../../trpc/context.ts';
import { logRefusal, noteRefusal } from '../../trpc/report-refusal.ts';
import type { Answer } from '../answer.ts';
import { EdgeRefusal } from '../edge.ts';
import type { IncomingCall } from '../handler.ts';
import type { Route } from '../routes.ts';
import { answerIntrospection } from './introspection-endpoint.ts';
import { answerRefusal, toOAuthRefusal } from './oauth-refusal.ts';
import { assertFormRequest } from './read-form.ts';
import { answerRevocation } from './revocation-endpoint.ts';
import { answerToken } from './token-endpoint.ts';

export const tokenPath = '/oauth/token';
export const revocationPath = '/oauth/revoke';
export const introspectionPath = '/oauth/introspect';

/** What the endpoints work with. */
export interface OAuthParts {
  readonly accounts: AccountParts;
  readonly isService: ServiceCheck;
  readonly createContext: (source: ContextSource) => LatchkeyContext;
  readonly allowedOrigins: ReadonlySet<string>;
  /** Where those for whom there is no room wait to be told so. */
  readonly nextTurn: () => Promise<void>;
  readonly refusals: RefusalLog;
  readonly logger: Logger;
}

/** One request to an endpoint. */
export interface OAuthCall {
  readonly path: string;
  readonly request: IncomingCall;
  /** Its cookies and its mode mean nothing here. */
  readonly latchkey: CallContext;
  /** Whoever makes it, once that is known. */
  principal: Principal | null;
}

type Endpoint = (parts: OAuthParts, call: OAuthCall) => Promise<Answer>;

/**
 * OAuth 2.0 for other languages: the rules of `auth.login`, `auth.refresh` and `auth.logout` behind
 * forms, and a way to ask whether a token is good. There are no clients to register: whoever has
 * the user's password or token may use it (`token_endpoint_auth_methods_supported`: `none`).
 */
export function createOAuthRoutes(parts: OAuthParts): readonly Route[] {
  return [
    createRoute(parts, tokenPath, answerToken),
    createRoute(parts, revocationPath, answerRevocation),
    createRoute(parts, introspectionPath, answerIntrospection),
  ];
}

function createRoute(parts: OAuthParts, path: string, endpoint: Endpoint): Route {
  return {
    path,
    method: 'POST',
    async answer(request) {
      const { latchkey } = parts.createContext(request.source);
      const call: OAuthCall = { path, request, latchkey, principal: null };
      try {
        assertFormRequest(request, parts.allowedOrigins);
        return await endpoint(parts, call);
      } catch (thrown) {
        // A client that went away is not there to be answered.
        if (request.signal.aborted) throw thrown;
        return refuse(parts, call, thrown);
      }
    },
  };
}

function refuse({ refusals, logger }: OAuthParts, call: OAuthCall, thrown: unknown): Answer {
  const refused = toOAuthRefusal(thrown);
  const isOfEdge = thrown instanceof EdgeRefusal;
  if (!isOfEdge) noteRefusal(refusals, refused.refusal, call);
  logRefusal(logger, refused.refusal, call);
  const answer = answerRefusal(refused, () => call.latchkey.requestId);
  // What is left of a body is not read: the connection cannot be used again.
  if (isOfEdge) answer.headers.setHeader('connection', 'close');
  return answer;
}
