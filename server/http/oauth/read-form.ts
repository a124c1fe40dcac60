import {
  assertContentType,
  assertSingleHeaders,
  maxAuthBodyBytes,
  readText,
  type EdgeRequest,
} from '../edge.ts';
import { OAuthRefusal } from './oauth-refusal.ts';

/** The parameters of a request, without those that have no value. */
export type Form = ReadonlyMap<string, string>;

const formType = /^application\/x-www-form-urlencoded(; ?charset=utf-8)?$/i;

/**
 * Decides by its head whether a request may send a form.
 *
 * @throws EdgeRefusal, OAuthRefusal
 */
export function assertFormRequest(request: EdgeRequest, allowedOrigins: ReadonlySet<string>): void {
  assertSingleHeaders(request);
  // A browser sends a form from any page without asking; nothing but a browser names an origin.
  if (!request.headers('origin').every((origin) => allowedOrigins.has(origin))) {
    throw new OAuthRefusal('invalid_request', {
      reason: 'forbidden',
      status: 403,
      description: 'Pages of this origin may not ask here. Add it to LATCHKEY_ALLOWED_ORIGINS.',
    });
  }
  if (request.target.includes('?')) {
    throw new OAuthRefusal('invalid_request', {
      description: 'Send the parameters in the body, never in the URL, which others log.',
    });
  }
  assertContentType(request, formType, 'Send content-type: application/x-www-form-urlencoded.');
}

/**
 * Reads the body: bounded, UTF-8, each parameter once.
 *
 * @throws EdgeRefusal, OAuthRefusal
 */
export async function readForm(request: EdgeRequest): Promise<Form> {
  const text = await readText(request, maxAuthBodyBytes);
  const form = new Map<string, string>();
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const [name, value] = readPair(pair);
    // RFC 6749 §3.2: "Request and response parameters MUST NOT be included more than once."
    if (form.has(name)) {
      throw new OAuthRefusal('invalid_request', { description: 'Send each parameter once.' });
    }
    form.set(name, value);
  }
  // RFC 6749 §3.2: "Parameters sent without a value MUST be treated as if they were omitted".
  return new Map([...form].filter(([, value]) => value !== ''));
}

function readPair(pair: string): [name: string, value: string] {
  const mark = pair.indexOf('=');
  return mark === -1
    ? [decode(pair), '']
    : [decode(pair.slice(0, mark)), decode(pair.slice(mark + 1))];
}

/** Strictly: a URLSearchParams would make one character of whatever is not UTF-8. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new OAuthRefusal('invalid_request', {
      description: 'Percent-encode the parameters as UTF-8.',
    });
  }
}
