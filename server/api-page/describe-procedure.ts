import type { AnyTRPCProcedure } from '@trpc/server';
import { LatchkeyError, type ReasonDetails } from '../../shared/latchkey-error.ts';
import { isReason, reasons, type Reason } from '../../shared/reasons.ts';
import { noInput } from '../../shared/schemas.ts';
import { listAccess, type Access } from '../trpc/access.ts';
import { formatError, toTRPCError, type LatchkeyErrorShape } from '../trpc/error-formatter.ts';
import type { ProcedureDocs } from '../trpc/procedure-docs.ts';
import type { JsonSchema, SchemaWriter } from './json-schema.ts';
import type { Operation, Response } from './operation.ts';
import type { Wire } from './wire.ts';

export interface DescribingParts {
  readonly schemas: SchemaWriter;
  readonly input: Wire;
  readonly output: Wire;
  /** The ways to send an access token, by their names in the document. */
  readonly tokenSchemes: readonly string[];
}

/** What tRPC's builder leaves in a procedure, most of which its type does not tell. */
interface Definition {
  readonly type: 'query' | 'mutation' | 'subscription';
  readonly inputs?: readonly unknown[];
  readonly output?: unknown;
  readonly meta?: unknown;
}

/** The operation that calling this procedure is. */
export function describeProcedure(
  path: string,
  procedure: AnyTRPCProcedure,
  parts: DescribingParts,
): Operation {
  const { type, inputs = [], output, meta } = procedure._def as Definition;
  const docs = readDocs(meta);
  const access = listAccess(procedure);
  const token = access.some(({ signedIn }) => signedIn) ? 'required' : docs.token;
  const tokens = parts.tokenSchemes.map((scheme) => ({ [scheme]: [] }));
  const namespace = path.split('.').slice(0, -1).join('.');
  const description = [docs.description, ...access.map(describeAccess)].filter(
    (text) => text !== undefined,
  );
  return {
    operationId: path,
    ...(namespace === '' ? {} : { tags: [namespace] }),
    ...(docs.summary === undefined ? {} : { summary: docs.summary }),
    ...(description.length === 0 ? {} : { description: description.join('\n\n') }),
    security: token === undefined ? [] : token === 'optional' ? [{}, ...tokens] : tokens,
    ...describeInput({ type, inputs, docs, parts }),
    responses: {
      200: describeAnswer({ type, parser: output ?? docs.output, parts }),
      ...describeRefusals(path, listReasons({ type, access, token, docs }), parts.output),
    },
    ...(docs.session === undefined ? {} : { 'x-latchkey-session': docs.session }),
  };
}

/** A meta may be anything: what is not of the form is not there. */
function readDocs(meta: unknown): ProcedureDocs {
  const docs = isObject(meta) && isObject(meta['docs']) ? meta['docs'] : {};
  const { summary, description, examples, reasons: listed, output, token, session } = docs;
  return {
    ...(typeof summary === 'string' ? { summary } : {}),
    ...(typeof description === 'string' ? { description } : {}),
    ...(isObject(examples) ? { examples } : {}),
    ...(Array.isArray(listed) ? { reasons: listed.filter(isReason) } : {}),
    ...(isObject(output) || typeof output === 'function' ? { output } : {}),
    ...(token === 'required' || token === 'optional' ? { token } : {}),
    ...(session === 'begins' || session === 'ends' ? { session } : {}),
  };
}

function describeAccess({ roles, permission }: Access): string | undefined {
  if (permission !== undefined) {
    return `For users whose role has the permission \`${permission}\`, and for admins.`;
  }
  if (!roles) return undefined;
  const others = roles.filter((role) => role !== 'admin').map((role) => `\`${role}\``);
  return others.length === 0
    ? 'For admins.'
    : `For users of the role ${others.join(' or ')}, and for admins.`;
}

interface InputParts {
  readonly type: Definition['type'];
  readonly inputs: readonly unknown[];
  readonly docs: ProcedureDocs;
  readonly parts: DescribingParts;
}

function describeInput({ type, inputs, docs, parts }: InputParts): Partial<Operation> {
  const { schemas, input: wire } = parts;
  const described = inputs
    .filter((parser) => parser !== noInput)
    .map((parser) => schemas.describe(parser, 'input'));
  const [single = { schema: {}, isRequired: false }] = described;
  const schema = wire.schema(
    // Each parser reads the whole input.
    described.length > 1 ? { allOf: described.map((each) => each.schema) } : single.schema,
  );
  const examples = describeExamples(docs.examples ?? {}, wire);
  const content = { 'application/json': { schema, ...examples } };
  if (type !== 'mutation') {
    if (described.length === 0) return {};
    const required = described.some(({ isRequired }) => isRequired);
    return { parameters: [{ name: 'input', in: 'query', required, content }] };
  }
  if (described.length > 0) return { requestBody: { required: true, content } };
  return {
    requestBody: {
      description: 'There is no input: an empty object, as JSON like every call.',
      required: true,
      content: { 'application/json': { schema: { type: 'object' }, example: {} } },
    },
  };
}

function describeExamples(
  examples: NonNullable<ProcedureDocs['examples']>,
  wire: Wire,
): { examples?: Record<string, { value: unknown }> } {
  const entries = Object.entries(examples);
  if (entries.length === 0) return {};
  try {
    return {
      examples: Object.fromEntries(
        entries.map(([name, value]) => [name, { value: wire.value(value) }]),
      ),
    };
  } catch {
    return {}; // The transformer cannot write them, so nobody can send them.
  }
}

interface AnswerParts {
  readonly type: Definition['type'];
  readonly parser: unknown;
  readonly parts: DescribingParts;
}

function describeAnswer({ type, parser, parts: { schemas, output: wire } }: AnswerParts): Response {
  if (type === 'subscription') {
    return { description: 'Events, as they come.', content: { 'text/event-stream': {} } };
  }
  const { schema, isRequired } = schemas.describe(parser, 'output');
  const data = wire.schema(schema);
  const result = objectOf({ data }, isRequired ? ['data'] : []);
  return {
    description: 'Done.',
    content: { 'application/json': { schema: objectOf({ result }, ['result']) } },
  };
}

function objectOf(
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[],
): JsonSchema {
  return { type: 'object', properties, ...(required.length === 0 ? {} : { required }) };
}

interface ReasonParts {
  readonly type: Definition['type'];
  readonly access: readonly Access[];
  readonly token: ProcedureDocs['token'];
  readonly docs: ProcedureDocs;
}

/** Every way in which this procedure may refuse, in the order of the table of reasons. */
function listReasons({ type, access, token, docs }: ReasonParts): Reason[] {
  const isRestricted = access.some(({ roles, permission }) => roles ?? permission);
  // A page of another origin may not use the cookie of a browser.
  const isOurMutation = type === 'mutation' && access.length > 0;
  const listed = new Set<Reason>([
    'invalid_input',
    'internal',
    ...(token === 'required' ? ofToken : []),
    ...(isRestricted || isOurMutation ? (['forbidden'] as const) : []),
    ...(docs.reasons ?? []),
  ]);
  return Object.keys(reasons).filter(
    (reason) => isReason(reason) && listed.has(reason),
  ) as Reason[]; // By `isReason`.
}

const ofToken = [
  'token_missing',
  'token_invalid',
  'token_expired',
  'token_stale',
  'session_revoked',
  'overloaded',
] as const satisfies readonly Reason[];

/** What stands beside a reason in an example. */
const exampleDetails: Partial<Record<Reason, ReasonDetails>> = {
  weak_password: { detail: 'too_short' },
  invalid_input: {
    issues: [{ path: ['email'], code: 'invalid_format', message: 'Invalid email address' }],
  },
  rate_limited: { retryAfterSeconds: 30 },
  overloaded: { retryAfterSeconds: 1 },
};

/** A response for each HTTP status, with an example for each reason, as the formatter writes it. */
function describeRefusals(
  path: string,
  listed: readonly Reason[],
  wire: Wire,
): Record<string, Response> {
  const refusals = listed.map((reason) => ({ reason, error: exampleOf(reason, path) }));
  const byStatus = Map.groupBy(refusals, ({ error }) => error.data.httpStatus);
  const responses = [...byStatus].map(([status, each]): [string, Response] => {
    const names = each.map(({ reason }) => `\`${reason}\``).join(', ');
    const saysWhen = each.some(({ error }) => error.data.retryAfter !== undefined);
    return [
      String(status),
      {
        description: `Refused: ${names}`,
        ...(saysWhen ? { headers: { 'Retry-After': { schema: { type: 'integer' } } } } : {}),
        content: {
          'application/json': {
            schema: objectOf({ error: wire.schema({ $ref: '#/components/schemas/Refusal' }) }, [
              'error',
            ]),
            ...describeErrors(each, wire),
          },
        },
      },
    ];
  });
  return Object.fromEntries(responses);
}

function describeErrors(
  refusals: readonly { readonly reason: Reason; readonly error: LatchkeyErrorShape }[],
  wire: Wire,
): { examples?: Record<string, { value: unknown }> } {
  try {
    return {
      examples: Object.fromEntries(
        refusals.map(({ reason, error }) => [reason, { value: { error: wire.value(error) } }]),
      ),
    };
  } catch {
    return {}; // As for the examples of an input.
  }
}

function exampleOf(reason: Reason, path: string): LatchkeyErrorShape {
  const error = toTRPCError(new LatchkeyError(reason, exampleDetails[reason]));
  const { code, message } = error;
  return formatError({
    error,
    // The formatter reads nothing of it but the path.
    shape: { message, code: -32600, data: { code, httpStatus: 0, path } },
    ctx: { latchkey: { requestId: '01977c5e-5b0e-7a5f-8c55-6f2b3d1c9a10' } },
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
