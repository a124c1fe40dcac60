/** What is answered, before it is written by node:http or becomes a web response. */
export interface Answer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  /** A text that is whole, or what tRPC streams. */
  readonly body: string | ReadableStream<Uint8Array> | null;
}

/** Headers by their names in lower case. A web `Headers` checks and copies more than a call can afford. */
export interface AnswerHeaders {
  readonly values: Map<string, string>;
  /** The one header that several lines are needed for (RFC 9110 §5.3). */
  readonly cookies: string[];
  readonly headersSent: false;
  setHeader(name: string, value: string): void;
  appendHeader(name: string, value: string): void;
}

export function createAnswerHeaders(values?: Iterable<readonly [string, string]>): AnswerHeaders {
  const headers: AnswerHeaders = {
    values: new Map(values),
    cookies: [],
    headersSent: false,
    setHeader(name, value) {
      if (name === 'set-cookie') headers.cookies.splice(0, Infinity, value);
      else headers.values.set(name, value);
    },
    appendHeader(name, value) {
      if (name === 'set-cookie') headers.cookies.push(value);
      else {
        const before = headers.values.get(name);
        headers.values.set(name, before === undefined ? value : `${before}, ${value}`);
      }
    },
  };
  return headers;
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
    headers: createAnswerHeaders([
      ['content-type', 'application/json'],
      ...Object.entries(headers),
    ]),
    body: JSON.stringify(value),
  };
}
