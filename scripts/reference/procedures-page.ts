import type { ApiDocument, Operation } from './api-document.ts';
import { code, page, table } from './markdown.ts';
import { writeBounds, writeType, type Schema } from './schema-text.ts';

/** Every procedure: who, what it takes, what it answers, how it refuses. */
export function createProceduresPage({ operations, schemas }: ApiDocument): string {
  const procedures = operations.filter(({ path }) => path.startsWith('/trpc/'));
  return page(
    'Procedures',
    `tRPC 11 over HTTP at \`/trpc\`, without a transformer: every value is plain JSON, a time is an ISO 8601 string in
UTC, a duration is in seconds. A query is a GET with the input as JSON in \`?input=\`, a mutation a POST with it as
the body. The answer is in \`result.data\`, a refusal in \`error\` with its [reason](reasons.md). Unknown keys are refused.
At most ten calls make a batch, and at most one of them checks a credential. The same as a document for machines is
\`/openapi.json\` of a running server, and to try it, \`/docs\`.`,
    table(
      ['procedure', 'kind', 'who', 'what it does'],
      procedures.map((procedure) => [
        `[${code(nameOf(procedure))}](#${anchorOf(procedure)})`,
        kindOf(procedure),
        whoOf(procedure),
        procedure.summary ?? '',
      ]),
    ),
    ...procedures.flatMap(describe),
    '## Types',
    ...Object.entries(schemas).flatMap(([name, schema]) => [`### ${name}`, fieldsOf(schema)]),
  );
}

function describe(procedure: Operation): string[] {
  const { summary, description } = procedure;
  const reasons = Object.values(procedure.responses).flatMap(
    (response) => response.description.match(/`\w+`/g) ?? [],
  );
  return [
    `## ${code(nameOf(procedure))}`,
    `*${kindOf(procedure)}, ${whoOf(procedure)}*${summary === undefined ? '' : `: ${summary}.`}`,
    ...(description === undefined ? [] : [description]),
    ...describeInput(inputOf(procedure)),
    `Answers ${code(writeType(outputOf(procedure)))}.`,
    ...(reasons.length > 0 ? [`Refuses with ${reasons.join(', ')}.`] : []),
  ];
}

function describeInput(input: Schema | null): string[] {
  if (input === null) return ['Takes nothing.'];
  return (input.anyOf ?? [input]).flatMap((each, index) => [
    index === 0 ? 'Takes:' : 'or:',
    fieldsOf(each),
  ]);
}

function fieldsOf(schema: Schema): string {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) return code(writeType(schema));
  return table(
    ['field', 'type', ''],
    fields.map(([name, field]) => {
      const isRequired = schema.required?.includes(name);
      return [code(isRequired ? name : `${name}?`), code(writeType(field)), writeBounds(field)];
    }),
  );
}

function nameOf({ path }: Operation): string {
  return path.replace('/trpc/', '');
}

function anchorOf(procedure: Operation): string {
  return nameOf(procedure).toLowerCase().replaceAll('.', '');
}

function kindOf({ method }: Operation): string {
  return method === 'GET' ? 'query' : 'mutation';
}

function whoOf({ security = [], tags = [] }: Operation): string {
  if (security.length === 0 || security.some((way) => Object.keys(way).length === 0)) {
    return 'public';
  }
  return tags.includes('admin') ? 'admin' : 'signed in';
}

function inputOf({ parameters, requestBody }: Operation): Schema | null {
  const content = requestBody?.content ?? parameters?.[0]?.content;
  const schema = content?.['application/json']?.schema ?? null;
  const isEmpty = schema?.type === 'object' && !schema.properties;
  return isEmpty ? null : schema;
}

function outputOf({ responses }: Operation): Schema {
  const whole = responses['200']?.content?.['application/json']?.schema;
  return whole?.properties?.['result']?.properties?.['data'] ?? {};
}
