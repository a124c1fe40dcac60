import type { Reason } from '../../shared/reasons.ts';

/** What is answered, before it is written by node:http or becomes a web response. */
export interface Answer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  /** A text or a file that is whole, or what tRPC streams. */
  readonly body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
  /** Why it is a refusal, where it is one of a route. */
  readonly reason?: Reason;
}

/** Headers by their names in lower case. A web `Headers` checks and copies more than a call can afford. */
export class AnswerHeaders {
  readonly values: Map<string, string>;
  /** The one header that several lines are needed for (RFC 9110 §5.3). */
  readonly cookies: string[] = [];
  readonly headersSent = false;

  constructor(values?: Iterable<readonly [string, string]>) {
    this.values = new Map(values);
  }

  setHeader(name: string, value: string): void {
    if (name === 'set-cookie') this.cookies.splice(0, Infinity, value);
    else this.values.set(name, value);
  }

  appendHeader(name: string, value: string): void {
    if (name === 'set-cookie') this.cookies.push(value);
    else {
      const before = this.values.get(name);
      this.values.set(name, before === undefined ? value : `${before}, ${value}`);
    }
  }
}

/** An answer in JSON. */
export function answerJson(
  value: unknown,
  {
    status = 200,
    headers = {},
  }: { status?: number; headers?: Readonly<Record<string, string>> } = {},
): Answer {
  return {
    status,
    headers: new AnswerHeaders([['content-type', 'application/json'], ...Object.entries(headers)]),
    body: JSON.stringify(value),
  };
}
