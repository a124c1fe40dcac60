import { loginInput, type LoginInput } from '../../../shared/schemas.ts';
import { login } from '../../accounts/login.ts';
import { refreshSession, takeRefreshBudget } from '../../sessions/refresh-session.ts';
import type { SignedIn } from '../../sessions/start-session.ts';
import { answerJson, type Answer } from '../answer.ts';
import { OAuthRefusal, uncached } from './oauth-refusal.ts';
import type { OAuthCall, OAuthParts } from './oauth-routes.ts';
import { readForm, type Form } from './read-form.ts';

/**
 * Signs in by password, or exchanges a refresh token.
 *
 * @see RFC 6749 §4.3, §5 and §6
 * @throws LatchkeyError as `login` and `refreshSession` do
 * @throws OAuthRefusal `invalid_request`, `unsupported_grant_type`
 */
export async function answerToken(parts: OAuthParts, call: OAuthCall): Promise<Answer> {
  const form = await readForm(call.request);
  const { accessToken, expiresIn, refreshToken } = await grant(parts, call, form);
  return answerJson(
    {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: expiresIn,
      refresh_token: refreshToken,
      // RFC 6749 §3.3: to be included "if the issued access token scope is different from the one
      // requested". There are no scopes, so it is.
      ...(form.has('scope') ? { scope: '' } : {}),
    },
    { headers: uncached },
  );
}

async function grant(parts: OAuthParts, call: OAuthCall, form: Form): Promise<SignedIn> {
  switch (form.get('grant_type')) {
    case 'password':
      return signIn(parts, call, form);
    case 'refresh_token':
      return refresh(parts, call, form);
    case undefined:
      throw new OAuthRefusal('invalid_request', {
        description: `Send a grant_type. ${grants}`,
      });
    default:
      throw new OAuthRefusal('unsupported_grant_type', { description: grants });
  }
}

const grants =
  'Send grant_type=password with username and password, or grant_type=refresh_token with refresh_token.';

async function signIn(
  { accounts, nextTurn }: OAuthParts,
  { latchkey }: OAuthCall,
  form: Form,
): Promise<SignedIn> {
  const input = readLogin(form);
  const shortage = accounts.hasher.findShortage();
  if (shortage) {
    await nextTurn();
    throw shortage;
  }
  return login(accounts, input, latchkey.origin);
}

function readLogin(form: Form): LoginInput {
  const username = form.get('username') ?? '';
  const password = form.get('password');
  // No username has the sign that every address has.
  const parsed = loginInput.safeParse(
    username.includes('@') ? { email: username, password } : { username, password },
  );
  if (parsed.success) return parsed.data;
  throw new OAuthRefusal('invalid_request', {
    description: 'Send the e-mail address or username as username, and the password.',
  });
}

async function refresh(
  { accounts }: OAuthParts,
  { latchkey }: OAuthCall,
  form: Form,
): Promise<SignedIn> {
  await takeRefreshBudget(accounts.limits, latchkey.origin);
  const refreshToken = form.get('refresh_token');
  if (refreshToken === undefined) {
    throw new OAuthRefusal('invalid_request', {
      description: 'Send the refresh_token of the last answer.',
    });
  }
  return refreshSession(accounts, refreshToken, latchkey.origin);
}
