import { LatchkeyError } from '../../../shared/latchkey-error.ts';
import { reasons } from '../../../shared/reasons.ts';
import { networkOf } from '../../limits/network-of.ts';
import { authenticate } from '../../sessions/authenticate.ts';
import type { ServiceCredential } from '../../tokens/service-credential.ts';
import { tokenOf } from '../../trpc/procedures.ts';
import { answerJson, type Answer } from '../answer.ts';
import { OAuthRefusal, uncached } from './oauth-refusal.ts';
import type { OAuthCall, OAuthParts } from './oauth-routes.ts';
import { readForm } from './read-form.ts';

/**
 * Says whether an access token is good now, its session in the store included: for services that
 * cannot wait for a token to expire. A refresh token is none that a service may accept.
 *
 * @see RFC 7662
 * @throws LatchkeyError `rate_limited`, `overloaded`
 * @throws OAuthRefusal `invalid_client`, `invalid_token`, `insufficient_scope`, `invalid_request`
 */
export async function answerIntrospection(parts: OAuthParts, call: OAuthCall): Promise<Answer> {
  await assertMayAsk(parts, call);
  const token = (await readForm(call.request)).get('token');
  if (token === undefined) {
    throw new OAuthRefusal('invalid_request', { description: 'Send the access token as token.' });
  }
  return answerJson(await introspect(parts, token), { headers: uncached });
}

async function introspect({ accounts }: OAuthParts, token: string): Promise<object> {
  try {
    const { user } = await authenticate(accounts, token);
    return {
      ...readClaims(token),
      // Whatever a claim of the host is called, these are ours to say.
      active: true,
      token_type: 'Bearer',
      username: user.username ?? undefined,
    };
  } catch (error) {
    if (isOfToken(error)) return { active: false };
    throw error;
  }
}

/** Of a token that has been verified. */
function readClaims(token: string): object {
  const [, payload = ''] = token.split('.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as object; // As we sign them.
}

/** An admin, by access token, or a service, by its name and secret. */
async function assertMayAsk(parts: OAuthParts, call: OAuthCall): Promise<void> {
  const [scheme = ''] = (call.latchkey.authorization ?? '').split(' ', 1);
  switch (scheme.toLowerCase()) {
    case 'basic':
      return assertService(parts, call);
    case 'bearer':
      return assertAdmin(parts, call);
    default:
      throw new OAuthRefusal('invalid_client', {
        reason: 'token_missing',
        status: 401,
        description:
          'Send the name and secret of a service by HTTP Basic, or the access token of an admin as a bearer token.',
        challenge: `${basicChallenge}, ${bearerChallenge}`,
      });
  }
}

const basicChallenge = 'Basic realm="latchkey"';
const bearerChallenge = 'Bearer realm="latchkey"';

async function assertService(
  { accounts, isService }: OAuthParts,
  { latchkey }: OAuthCall,
): Promise<void> {
  const presented = readBasic(latchkey.authorization ?? '');
  if (presented && isService(presented)) return;
  // After the look: no stranger can keep out a service that knows its secret, which is too long to guess.
  const network = networkOf(latchkey.origin.ip);
  await accounts.limits.consume([{ limit: 'serviceGuessesPerAddress', key: { chosen: network } }]);
  throw new OAuthRefusal('invalid_client', {
    reason: 'token_invalid',
    status: 401,
    description: 'No service has this name and secret. Compare them with LATCHKEY_SERVICES.',
    challenge: basicChallenge,
  });
}

function readBasic(authorization: string): ServiceCredential | null {
  const credentials = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(authorization)?.[1] ?? '';
  const text = Buffer.from(credentials, 'base64').toString();
  const mark = text.indexOf(':');
  return mark === -1 ? null : { name: text.slice(0, mark), secret: text.slice(mark + 1) };
}

async function assertAdmin({ accounts }: OAuthParts, call: OAuthCall): Promise<void> {
  try {
    call.principal = await authenticate(accounts, tokenOf(call.latchkey));
  } catch (error) {
    if (!isOfToken(error)) throw error;
    const challenge = `${bearerChallenge}, error="invalid_token"`;
    throw new OAuthRefusal('invalid_token', { status: 401, challenge }, error);
  }
  if (call.principal.user.role === 'admin') return;
  throw new OAuthRefusal('insufficient_scope', {
    reason: 'forbidden',
    // RFC 7662 §2.3 has 401 for a token that "does not contain sufficient privileges".
    status: 401,
    challenge: `${bearerChallenge}, error="insufficient_scope"`,
  });
}

/** True for what says that a token is not good, and not that nobody could tell. */
function isOfToken(error: unknown): error is LatchkeyError {
  return error instanceof LatchkeyError && reasons[error.reason].code === 'UNAUTHORIZED';
}
