import { strangerFrom } from '../../accounts/account-parts.ts';
import { endSession } from '../../sessions/end-session.ts';
import { AnswerHeaders, type Answer } from '../answer.ts';
import { OAuthRefusal, uncached } from './oauth-refusal.ts';
import type { OAuthCall, OAuthParts } from './oauth-routes.ts';
import { readForm } from './read-form.ts';

/**
 * Ends the session of a refresh or access token. What is no token of ours is answered the same
 * (RFC 7009 §2.2), and the hint at its kind is not needed (§2.1).
 *
 * @throws OAuthRefusal `invalid_request`
 */
export async function answerRevocation(
  { accounts }: OAuthParts,
  { request, latchkey }: OAuthCall,
): Promise<Answer> {
  const token = (await readForm(request)).get('token');
  if (token === undefined) {
    throw new OAuthRefusal('invalid_request', {
      description: 'Send the refresh or access token as token.',
    });
  }
  const isAccessToken = token.includes('.');
  await endSession(
    accounts,
    {
      refreshToken: isAccessToken ? null : token,
      otherRefreshToken: null,
      accessToken: isAccessToken ? token : null,
    },
    strangerFrom(latchkey.origin),
  );
  return { status: 200, headers: new AnswerHeaders(Object.entries(uncached)), body: '' };
}
