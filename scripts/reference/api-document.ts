import { createTestLatchkey } from '../../server/testing/create-test-latchkey.ts';
import type { Schema } from './schema-text.ts';

type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

/** What the API's document says of one way to call. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly { readonly content?: Content }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Content }>
  >;
}

/** The API's document: what `/openapi.json` of a server with the defaults answers. */
export interface ApiDocument {
  readonly operations: readonly Operation[];
  readonly schemas: Readonly<Record<string, Schema>>;
}

/** Asks for the document as everybody can. */
export async function readApiDocument(): Promise<ApiDocument> {
  await using kit = await createTestLatchkey();
  const answer = await kit.latchkey.fetchHandler()(
    new Request('http://localhost:4000/openapi.json'),
  );
  // OpenAPI 3.1, which the tests of the API page hold against its specification.
  const { paths, components } = (await answer.json()) as {
    paths: Record<string, Record<string, Omit<Operation, 'method' | 'path'>>>;
    components: { schemas: Record<string, Schema> };
  };
  const operations = Object.entries(paths).flatMap(([path, byMethod]) =>
    Object.entries(byMethod).map(([method, operation]) => ({
      ...operation,
      method: method.toUpperCase(),
      path,
    })),
  );
  return { operations, schemas: components.schemas };
}
