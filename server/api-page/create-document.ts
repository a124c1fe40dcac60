import type { AnyTRPCProcedure, AnyTRPCRouter, TRPCCombinedDataTransformer } from '@trpc/server';
import { passwordRules, reasons } from '../../shared/reasons.ts';
import { tokenPath } from '../http/oauth/oauth-routes.ts';
import type { Route } from '../http/routes.ts';
import { describeProcedure } from './describe-procedure.ts';
import { describeRoute } from './describe-route.ts';
import { createSchemaWriter, type JsonSchema } from './json-schema.ts';
import type { Operation } from './operation.ts';
import { createWire } from './wire.ts';

export interface DocumentParts {
  readonly router: AnyTRPCRouter;
  /** Path of the tRPC endpoint. */
  readonly basePath: string;
  /** Paths outside tRPC. */
  readonly routes: readonly Route[];
  /** Of Latchkey. */
  readonly version: string;
}

/** A document of OpenAPI 3.1, so much of it as others here read. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

/**
 * Describes every procedure of a router as it is called over HTTP, and the routes beside it.
 * Never throws for what a host's router holds: of what cannot be described it says what is known.
 *
 * @see https://spec.openapis.org/oas/v3.1.1.html
 */
export async function createDocument(parts: DocumentParts): Promise<OpenApiDocument> {
  const { router, basePath, routes, version } = parts;
  await loadLazyRouters(router);
  const { pathSeparator, transformer } = router._def._config as RouterConfig;
  const schemas = createSchemaWriter();
  const input = createWire(transformer.input);
  const output = createWire(transformer.output);
  const tokenUrl = routes.find(({ path }) => path === tokenPath)?.path;
  const tokenSchemes = ['bearer', ...(tokenUrl === undefined ? [] : ['oauth2'])];
  const procedures = Object.entries(router._def.procedures as Record<string, AnyTRPCProcedure>); // As every router has them.
  const paths: Record<string, Record<string, Operation>> = {};
  for (const [path, procedure] of procedures) {
    const method = procedure._def.type === 'mutation' ? 'post' : 'get';
    paths[`${basePath}/${path.replaceAll('.', pathSeparator)}`] = {
      [method]: describeProcedure(path, procedure, { schemas, input, output, tokenSchemes }),
    };
  }
  for (const { path, method = 'GET' } of routes) {
    const operation = describeRoute(path);
    if (operation) paths[path] = { [method.toLowerCase()]: operation };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Latchkey API',
      version,
      description: [wireInShort, ...new Set([input.note, output.note])]
        .filter((text) => text !== null)
        .join('\n\n'),
    },
    // Without servers, it is the one that it comes from, and a page may call no other.
    paths,
    components: {
      schemas: { ...schemas.components, Refusal: refusalSchema },
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'The `accessToken` that a sign-in answers.',
        },
        ...(tokenUrl === undefined
          ? {}
          : {
              service: {
                type: 'http',
                scheme: 'basic',
                description: 'The name and secret of an entry in `LATCHKEY_SERVICES`.',
              },
              oauth2: {
                type: 'oauth2',
                description: 'Signs in with an e-mail address or a username, and the password.',
                flows: { password: { tokenUrl, refreshUrl: tokenUrl, scopes: {} } },
              },
            }),
      },
    },
  } as OpenApiDocument;
}

const wireInShort = `The procedures of a tRPC router over HTTP. A query is a GET with its input as JSON in \`?input=\`; a mutation is a POST with its input as a JSON body. The answer is \`{ "result": { "data": … } }\`.

A refusal is \`{ "error": … }\`, and \`error.data.reason\` says why, in one of a few fixed words: branch on it and not on the message. Before any procedure runs, a request that is too long answers 413, one that is not JSON 415, and one by the wrong method 405, with the reason \`invalid_input\`.`;

/** What is read of a router's configuration, whose type stands for types that only its own code knows. */
interface RouterConfig {
  readonly pathSeparator: string;
  readonly transformer: TRPCCombinedDataTransformer;
}

/** Procedures of `lazy()` are there once they were loaded, as their first call would do. */
async function loadLazyRouters(router: AnyTRPCRouter): Promise<void> {
  const failed = new Set<string>();
  for (;;) {
    const pending = Object.entries(router._def.lazy).filter(([path]) => !failed.has(path));
    if (pending.length === 0) return;
    for (const [path, { load }] of pending) {
      // One that cannot be loaded now is not described; calling it says what is wrong.
      await load().catch(() => failed.add(path));
    }
  }
}

/** What the error formatter writes. */
const refusalSchema: JsonSchema = {
  type: 'object',
  title: 'Refusal',
  description: 'Why a call was refused.',
  properties: {
    message: { type: 'string', description: 'For people; the reason stands at its end.' },
    code: { type: 'integer', description: 'The JSON-RPC code of tRPC.' },
    data: {
      type: 'object',
      properties: {
        code: { type: 'string', description: 'The name of the code.' },
        httpStatus: { type: 'integer' },
        path: { type: 'string', description: 'The procedure.' },
        reason: {
          enum: [...Object.keys(reasons), null],
          description: "What to branch on; `null` for an application's own error.",
        },
        detail: { enum: passwordRules, description: 'With `weak_password`.' },
        issues: {
          type: 'array',
          description: 'With `invalid_input`.',
          items: {
            type: 'object',
            properties: {
              path: { type: 'array', items: { type: ['string', 'integer'] } },
              code: { type: 'string' },
              message: { type: 'string' },
            },
            required: ['path', 'code', 'message'],
          },
        },
        retryAfter: {
          type: 'integer',
          description: 'Seconds, as in `Retry-After`; with `rate_limited` and `overloaded`.',
        },
        requestId: {
          type: 'string',
          description: 'With `internal`, to be found again in the log.',
        },
      },
      required: ['code', 'httpStatus', 'reason'],
    },
  },
  required: ['message', 'code', 'data'],
};
