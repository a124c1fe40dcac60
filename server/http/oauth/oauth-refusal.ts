import { LatchkeyError } from '../../../shared/latchkey-error.ts';
import { reasons, type Reason } from '../../../shared/reasons.ts';
import { answerJson, type Answer } from '../answer.ts';
import { EdgeRefusal } from '../edge.ts';

/**
 * The codes that are answered.
 *
 * @see RFC 6749 §5.2, RFC 6750 §3.1; the last two RFC 6749 §4.1.2.1
 */
export const oauthErrorCodes = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unsupported_grant_type',
  'invalid_token',
  'insufficient_scope',
  'temporarily_unavailable',
  'server_error',
] as const;
type OAuthErrorCode = (typeof oauthErrorCodes)[number];

interface RefusalDetails {
  /** `invalid_input` by default. */
  readonly reason?: Reason;
  /** 400 by default (RFC 6749 §5.2). */
  readonly status?: number;
  /** What to do next, in ASCII without `"` and `\`; the reason's words by default. */
  readonly description?: string;
  /** For `WWW-Authenticate`. */
  readonly challenge?: string;
}

/** A refusal in the words of OAuth, with our reason beside them. */
export class OAuthRefusal extends Error {
  override readonly name = 'OAuthRefusal';
  readonly code: OAuthErrorCode;
  readonly status: number;
  readonly description: string;
  readonly challenge: string | undefined;
  /** The same in ours. */
  readonly refusal: LatchkeyError;

  constructor(
    code: OAuthErrorCode,
    { reason = 'invalid_input', status = 400, description, challenge }: RefusalDetails,
    refusal: LatchkeyError = new LatchkeyError(reason),
  ) {
    super(code);
    this.code = code;
    this.status = status;
    this.description = description ?? reasons[refusal.reason].message;
    this.challenge = challenge;
    this.refusal = refusal;
  }
}

/** What the edge refuses. */
const ofEdge: Readonly<Partial<Record<EdgeRefusal['code'], RefusalDetails>>> = {
  BAD_REQUEST: { description: 'Send each header once, and the body in UTF-8.' },
  PAYLOAD_TOO_LARGE: { status: 413, description: 'Send 32 KiB at most.' },
  UNSUPPORTED_MEDIA_TYPE: {
    description: 'Send the parameters as application/x-www-form-urlencoded, not encoded otherwise.',
  },
};

/** Whatever went wrong, as a refusal. */
export function toOAuthRefusal(thrown: unknown): OAuthRefusal {
  if (thrown instanceof OAuthRefusal) return thrown;
  if (thrown instanceof EdgeRefusal) {
    return new OAuthRefusal('invalid_request', ofEdge[thrown.code] ?? {}, thrown.refusal);
  }
  const refusal =
    thrown instanceof LatchkeyError ? thrown : new LatchkeyError('internal', { cause: thrown });
  switch (refusal.reason) {
    case 'internal':
      return new OAuthRefusal('server_error', { status: 500 }, refusal);
    case 'overloaded':
      return new OAuthRefusal('temporarily_unavailable', { status: 503 }, refusal);
    case 'rate_limited':
      return new OAuthRefusal('temporarily_unavailable', { status: 429 }, refusal);
    default:
      // Wrong passwords and dead refresh tokens, all in one code (RFC 6749 §5.2).
      return new OAuthRefusal('invalid_grant', {}, refusal);
  }
}

/** RFC 6749 §5.1: on "any response containing tokens, credentials, or other sensitive information". */
export const uncached = { 'cache-control': 'no-store', pragma: 'no-cache' } as const;

export function answerRefusal(
  { code, status, description, challenge, refusal }: OAuthRefusal,
  requestId: () => string,
): Answer {
  const { reason, retryAfterSeconds } = refusal;
  const answer = answerJson(
    {
      error: code,
      error_description: description,
      reason,
      ...(reason === 'internal' ? { request_id: requestId() } : {}),
    },
    {
      status,
      headers: {
        ...uncached,
        ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
        ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
      },
    },
  );
  return { ...answer, reason };
}
