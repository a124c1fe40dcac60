import { createHash } from 'node:crypto';
import { AnswerHeaders, type Answer } from './answer.ts';
import type { IncomingCall } from './handler.ts';

interface Made {
  readonly body: Buffer<ArrayBuffer>;
  readonly etag: string;
}

/**
 * Answers bytes that are made when they are first asked for, and once. They are asked for again
 * each time, so that an update shows at once, and sent to whoever has others (RFC 9110 §13.1.2).
 */
export function answerMade(
  headers: Readonly<Record<string, string>>,
  make: () => Promise<Buffer<ArrayBuffer>>,
): (call: IncomingCall) => Promise<Answer> {
  let making: Promise<Made> | undefined;

  async function makeTagged(): Promise<Made> {
    const body = await make();
    return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` };
  }

  return async (call) => {
    making ??= makeTagged();
    // What failed once may succeed the next time, such as reading a file.
    const { body, etag } = await making.catch((error: unknown) => {
      making = undefined;
      throw error;
    });
    const isKnown = call.headers('if-none-match').some((value) => value.includes(etag));
    const all = new AnswerHeaders([
      ...Object.entries(headers),
      ['cache-control', 'no-cache'],
      ['etag', etag],
    ]);
    return isKnown
      ? { status: 304, headers: all, body: null }
      : { status: 200, headers: all, body };
  };
}
