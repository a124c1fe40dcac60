import type { ApiDocument, Operation } from './api-document.ts';
import { code, page, table } from './markdown.ts';
import { writeBounds, writeType } from './schema-text.ts';

/** What a handler answers beside the procedures. */
export function createRoutesPage({ operations }: ApiDocument): string {
  const routes = operations.filter(({ path }) => !path.startsWith('/trpc/'));
  return page(
    'Routes',
    `What \`npm start\` and the handlers of a host answer beside the [procedures](procedures.md). Each is exactly this path;
GET takes HEAD with it. The document that this page comes from is itself at \`/openapi.json\`, and a page to try it at
\`/docs\`; a server of its own has the console at \`/\`.`,
    ...routes.flatMap(describe),
  );
}

function describe(route: Operation): string[] {
  const { method, path, summary, description, responses } = route;
  const answers = Object.entries(responses).filter(([, { content }]) => !isError(content));
  const refusals = Object.keys(responses).filter((status) => isError(responses[status]?.content));
  return [
    `## ${code(`${method} ${path}`)}`,
    [summary?.replace(/\.$/, ''), description].filter((text) => text !== undefined).join('. '),
    ...describeForm(route),
    answers.map(describeAnswer).join('\n'),
    ...(refusals.length > 0
      ? [`Refused with ${refusals.join(', ')} and ${code('{ error, error_description, reason }')}.`]
      : []),
  ];
}

function describeForm({ requestBody }: Operation): string[] {
  const form = requestBody?.content['application/x-www-form-urlencoded']?.schema;
  const forms = form?.anyOf ?? form?.oneOf ?? (form ? [form] : []);
  return forms.map((schema) =>
    table(
      ['parameter', 'type', ''],
      Object.entries(schema.properties ?? {}).map(([name, field]) => [
        code(schema.required?.includes(name) ? name : `${name}?`),
        code(writeType(field)),
        writeBounds(field),
      ]),
    ),
  );
}

type Response = Operation['responses'][string];

function describeAnswer([status, { description, content }]: [string, Response]): string {
  const schema = content?.['application/json']?.schema;
  return `- ${status}: ${schema ? code(writeType(schema)) : description}`;
}

function isError(content: Response['content']): boolean {
  return content?.['application/json']?.schema?.properties?.['error_description'] !== undefined;
}
