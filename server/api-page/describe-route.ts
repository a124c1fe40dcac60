import { introspectionPath, revocationPath, tokenPath } from '../http/oauth/oauth-routes.ts';
import { introspectionOperation, revocationOperation, tokenOperation } from './describe-oauth.ts';
import type { Operation, Response } from './operation.ts';

/** What a path outside tRPC is; `null` for one that the document need not name. */
export function describeRoute(path: string): Operation | null {
  return operations.get(path) ?? null;
}

const text = { type: 'string' };

function object(properties: Readonly<Record<string, object>>, required: readonly string[]): object {
  return { type: 'object', properties, ...(required.length === 0 ? {} : { required }) };
}

function answer(description: string, schema: object): Response {
  return { description, content: { 'application/json': { schema } } };
}

const status = object({ status: { enum: ['ok'] } }, ['status']);
const unavailable = object(
  { status: { enum: ['unavailable'] }, reason: { enum: ['storage', 'stopping'] } },
  ['status', 'reason'],
);

const operations = new Map<string, Operation>([
  [tokenPath, tokenOperation],
  [revocationPath, revocationOperation],
  [introspectionPath, introspectionOperation],
  [
    '/.well-known/jwks.json',
    {
      operationId: 'discovery.keys',
      tags: ['discovery'],
      summary: 'The public keys of the access tokens',
      description:
        'A JSON Web Key Set (RFC 7517). With HS256 it is empty: its key is no public one.',
      security: [],
      responses: {
        200: answer(
          'The keys.',
          object({ keys: { type: 'array', items: { type: 'object' } } }, ['keys']),
        ),
      },
    },
  ],
  [
    '/.well-known/oauth-authorization-server',
    {
      operationId: 'discovery.metadata',
      tags: ['discovery'],
      summary: 'Where everything is',
      description: 'Metadata of an OAuth 2.0 authorization server (RFC 8414).',
      security: [],
      responses: {
        200: answer(
          'The metadata.',
          object(
            {
              issuer: text,
              token_endpoint: text,
              revocation_endpoint: text,
              introspection_endpoint: text,
              jwks_uri: text,
            },
            ['issuer'],
          ),
        ),
      },
    },
  ],
  [
    '/health/live',
    {
      operationId: 'health.live',
      tags: ['health'],
      summary: 'Whether the process answers',
      security: [],
      responses: { 200: answer('It does.', status) },
    },
  ],
  [
    '/health/ready',
    {
      operationId: 'health.ready',
      tags: ['health'],
      summary: 'Whether calls can be taken',
      security: [],
      responses: { 200: answer('They can.', status), 503: answer('Not now.', unavailable) },
    },
  ],
]);
