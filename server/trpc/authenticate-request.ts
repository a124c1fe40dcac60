import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { User } from '../../shared/schemas.ts';
import { authenticate } from '../sessions/authenticate.ts';
import type { SessionParts } from '../sessions/session-parts.ts';
import type { CallContext } from './context.ts';
import { tokenOf, toUser, type CurrentSession, type ProcedureParts } from './procedures.ts';
import { logRefusal, noteRefusal } from './report-refusal.ts';

/** Who makes a request: what a procedure of a signed-in user finds in its context. */
export interface Caller<Role extends string, Claims extends Readonly<Record<string, unknown>>> {
  readonly user: User<Role>;
  readonly session: CurrentSession;
  readonly claims: Claims;
}

/** What the logs call it, in the place of a procedure's path: that of a request is a stranger's words. */
const path = 'authenticate';

/**
 * Authenticates a request outside tRPC as a procedure authenticates a call.
 *
 * @throws LatchkeyError `token_missing`, `token_invalid`, `token_expired`, `session_revoked`,
 *   `token_stale`, `overloaded`
 */
export async function authenticateRequest<
  Role extends string,
  Claims extends Readonly<Record<string, unknown>>,
>(
  parts: Pick<SessionParts, 'accessTokens' | 'store' | 'runtime'> &
    Pick<ProcedureParts<Role, never>, 'refusals' | 'logger'>,
  latchkey: CallContext,
): Promise<Caller<Role, Claims>> {
  try {
    const principal = await authenticate(parts, tokenOf(latchkey), parts.store.recallSession);
    return {
      user: toUser<Role>(principal.user),
      session: { id: principal.session.id },
      // Our signature vouches that these are the claims that the host's function returned.
      claims: principal.claims as Claims,
    };
  } catch (error) {
    if (error instanceof LatchkeyError) {
      noteRefusal(parts.refusals, error, { latchkey, path, principal: null });
      logRefusal(parts.logger, error, { latchkey, path });
    }
    throw error;
  }
}
