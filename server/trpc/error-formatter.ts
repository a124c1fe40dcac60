import { TRPCError } from '@trpc/server';
import type { TRPCDefaultErrorShape } from '@trpc/server';
import { getHTTPStatusCodeFromError } from '@trpc/server/http';
import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc';
import { LatchkeyError, type InputIssue } from '../../shared/latchkey-error.ts';
import { reasons, type PasswordRule, type Reason } from '../../shared/reasons.ts';

/** An error as a client gets it: tRPC's shape with the reason added. */
export interface LatchkeyErrorShape {
  message: string;
  code: TRPCDefaultErrorShape['code'];
  data: {
    code: TRPCDefaultErrorShape['data']['code'];
    httpStatus: number;
    path?: string;
    /** `null` for a host's own error that is none of Latchkey's kinds. */
    reason: Reason | null;
    /** Which rule; with `weak_password`. */
    detail?: PasswordRule;
    /** What is wrong where; with `invalid_input`. 100 at most, and texts of 500 characters. */
    issues?: readonly InputIssue[];
    /** Seconds; with `rate_limited` and `overloaded`. */
    retryAfter?: number;
    /** With `internal`, to be found again in the log. */
    requestId?: string;
  };
}

/** So many issues are answered: whoever sends a thousand wrong things needs no list of them. */
const maxIssues = 100;
/** A key that somebody sent may be as long as a body, and stands in issues. */
const maxIssueTextLength = 500;

/** What tRPC's own errors mean in our words. */
const reasonOfCode: Partial<Record<TRPCError['code'], Reason>> = {
  BAD_REQUEST: 'invalid_input',
  PARSE_ERROR: 'invalid_input',
  METHOD_NOT_SUPPORTED: 'invalid_input',
  PAYLOAD_TOO_LARGE: 'invalid_input',
  UNSUPPORTED_MEDIA_TYPE: 'invalid_input',
  UNPROCESSABLE_CONTENT: 'invalid_input',
  FORBIDDEN: 'forbidden',
  NOT_FOUND: 'not_found',
  TOO_MANY_REQUESTS: 'rate_limited',
  SERVICE_UNAVAILABLE: 'overloaded',
  INTERNAL_SERVER_ERROR: 'internal',
};

/** The refusal in an error, whoever threw it; `null` for a host's own. */
export function refusalOf(error: TRPCError): LatchkeyError | null {
  const { cause } = error;
  if (cause instanceof LatchkeyError) return cause;
  if (error.code === 'INTERNAL_SERVER_ERROR') {
    return new LatchkeyError('internal', { cause: cause ?? error });
  }
  if (error.code === 'BAD_REQUEST' && cause && isOfParser(error.message, cause)) {
    return new LatchkeyError('invalid_input', { issues: issuesOf(cause), cause });
  }
  return null;
}

/**
 * A parser's words, which tRPC takes over, are not ours to repeat, and ours may stand in their
 * place already; all others are the host's own.
 */
function isOfParser(message: string, cause: Error): boolean {
  return message === cause.message || message === new LatchkeyError('invalid_input').message;
}

/** The reason of an error, whoever threw it; `null` for a host's own that is none of Latchkey's kinds. */
export function reasonOf(error: TRPCError): Reason | null {
  return refusalOf(error)?.reason ?? reasonOfCode[error.code] ?? null;
}

/** True for an unexpected error that was logged where it was met, and has our words since. */
export function isReported({ message }: TRPCError): boolean {
  return message === new LatchkeyError('internal').message;
}

/**
 * An error of tRPC that says the reason in its code and its message.
 *
 * @param cause what a host's own formatter and `onError` look into, such as an error of zod
 */
export function toTRPCError(refusal: LatchkeyError, cause: Error = refusal): TRPCError {
  return new TRPCError({ code: reasons[refusal.reason].code, message: refusal.message, cause });
}

/** What is looked at of an error that tRPC wants formatted. */
export interface ErrorToFormat {
  /** As tRPC would answer it. */
  readonly shape: TRPCDefaultErrorShape;
  readonly error: TRPCError;
  readonly ctx?: { readonly latchkey?: { readonly requestId: string } } | undefined;
}

/** Makes the shape in which clients get an error. */
export type LatchkeyErrorFormatter = (options: ErrorToFormat) => LatchkeyErrorShape;

/**
 * Formats every error of a router: no stack, no path of a file, no message of
 * anything unexpected, whatever the mode.
 */
export function formatError({ shape, error, ctx }: ErrorToFormat): LatchkeyErrorShape {
  const refusal = refusalOf(error);
  const reason = reasonOf(error);
  // 413 and 415 are ways to be `invalid_input` too.
  const answered = refusal && reasonOfCode[error.code] !== reason ? toTRPCError(refusal) : error;
  const { message } = refusal ?? error;
  const { detail, retryAfterSeconds } = refusal ?? {};
  const issues = reason === 'invalid_input' ? issuesFor(message, refusal) : undefined;
  return {
    message,
    code: TRPC_ERROR_CODES_BY_KEY[answered.code],
    data: {
      code: answered.code,
      httpStatus: getHTTPStatusCodeFromError(answered),
      ...(shape.data.path === undefined ? {} : { path: shape.data.path }),
      reason,
      ...(detail === undefined ? {} : { detail }),
      ...(issues === undefined ? {} : { issues }),
      ...(retryAfterSeconds === undefined ? {} : { retryAfter: retryAfterSeconds }),
      ...(reason === 'internal' && ctx?.latchkey ? { requestId: ctx.latchkey.requestId } : {}),
    },
  };
}

/** Whatever takes no input says what is wrong with it, if only as a whole. */
function issuesFor(message: string, refusal: LatchkeyError | null): readonly InputIssue[] {
  const { issues = [] } = refusal ?? {};
  if (issues.length === 0) return [{ path: [], code: 'custom', message }];
  return issues.slice(0, maxIssues).map((issue) => ({
    path: issue.path.map((part) => (typeof part === 'string' ? shorten(part) : part)),
    code: issue.code,
    message: shorten(issue.message),
  }));
}

function shorten(text: string): string {
  return text.length <= maxIssueTextLength ? text : `${text.slice(0, maxIssueTextLength - 1)}…`;
}

/** zod's issues, wherever they come from, without the values and patterns that they may carry. */
function issuesOf(cause: unknown): InputIssue[] {
  if (!(cause instanceof Error) || !('issues' in cause) || !Array.isArray(cause.issues)) return [];
  return cause.issues.flatMap((issue: unknown) => {
    if (typeof issue !== 'object' || issue === null) return [];
    const { path, code, message } = issue as Partial<InputIssue>;
    return [
      {
        path: Array.isArray(path) ? path.filter(isPathPart) : [],
        code: typeof code === 'string' ? code : 'custom',
        message: typeof message === 'string' ? message : 'Invalid input',
      },
    ];
  });
}

function isPathPart(part: unknown): part is string | number {
  return typeof part === 'string' || typeof part === 'number';
}
