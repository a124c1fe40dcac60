import type { User } from '../../shared/schemas.ts';
import { findHolder } from '../sessions/find-holder.ts';
import type { SessionParts } from '../sessions/session-parts.ts';
import { issueAccessToken } from '../sessions/start-session.ts';
import {
  createCallContext,
  type ContextParts,
  type ContextSource,
  type LatchkeyContext,
} from './context.ts';
import { toUser } from './procedures.ts';

/** Who asks for a page, as far as the refresh cookie says that came with the request. */
export interface Visitor<Role extends string> {
  /**
   * `null` is nobody. `undefined` is not known: a page of another site led here, and then browsers
   * keep the cookie back until the page itself asks. Fits the client's `initialUser`.
   */
  readonly user: User<Role> | null | undefined;
  /** For `router.createCaller`: queries as that user. Mutations are refused as `forbidden`. */
  readonly context: LatchkeyContext;
}

/**
 * Finds out who asks for a page, without spending the refresh token: whoever renders cannot set
 * the cookie that would have to follow.
 *
 * The context has an access token of the session, made here and known to nobody. It is good for
 * reading alone, since a page is asked for by links that anybody may have made.
 */
export async function readVisitor<Role extends string>(
  { accounts, ...parts }: ContextParts & { readonly accounts: SessionParts },
  headers: ContextSource['req']['headers'],
): Promise<Visitor<Role>> {
  const given = headers instanceof Headers ? Object.fromEntries(headers) : headers;
  // Without an origin, the cookie makes every mutation one that no page of ours has sent.
  const own = { ...given, origin: undefined, authorization: undefined };
  const source = { req: { headers: own }, resHeaders: new Headers() };
  const context = { latchkey: createCallContext(parts, source) };
  const { cookieToken } = context.latchkey;
  if (cookieToken === null) {
    const isLedHere = given['sec-fetch-site'] === 'cross-site';
    return { user: isLedHere ? undefined : null, context };
  }
  const holder = await findHolder(accounts, cookieToken);
  if (!holder) return { user: null, context };
  const { token } = await issueAccessToken(accounts, holder.session, holder.user);
  const signedIn = { ...source, req: { headers: { ...own, authorization: `Bearer ${token}` } } };
  return {
    user: toUser<Role>(holder.user),
    context: { latchkey: createCallContext(parts, signedIn) },
  };
}
