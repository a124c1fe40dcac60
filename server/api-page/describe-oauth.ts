import { reasons } from '../../shared/reasons.ts';
import { oauthErrorCodes } from '../http/oauth/oauth-refusal.ts';
import type { Operation, Response } from './operation.ts';

/** The endpoints that take forms. */

const tags = ['oauth'];

const text = { type: 'string' };

function form(properties: Readonly<Record<string, object>>, required: readonly string[]) {
  const schema = { type: 'object', properties, required };
  return { required: true, content: { 'application/x-www-form-urlencoded': { schema } } };
}

function answers(properties: Readonly<Record<string, object>>, required: readonly string[]) {
  return { 'application/json': { schema: { type: 'object', properties, required } } };
}

function refusal(description: string): Response {
  return {
    description,
    content: answers(
      {
        error: { enum: oauthErrorCodes },
        error_description: { ...text, description: 'What to do next.' },
        reason: { enum: Object.keys(reasons), description: 'What to branch on.' },
      },
      ['error', 'error_description', 'reason'],
    ),
  };
}

const retryAfter = { headers: { 'Retry-After': { schema: { type: 'integer' } } } };

/** Of every endpoint. */
const refusals = {
  400: refusal('What was sent is malformed, or not good any more.'),
  403: refusal('From a page of an origin that is not allowed.'),
  429: { ...refusal('Too many tries.'), ...retryAfter },
  503: { ...refusal('Too busy.'), ...retryAfter },
};

export const tokenOperation: Operation = {
  operationId: 'oauth.token',
  tags,
  summary: 'Sign in, or refresh a session, by a form',
  description:
    'For other languages (RFC 6749): `grant_type=password` with an e-mail address or a username, or `grant_type=refresh_token`. The same rules and limits as `auth.login` and `auth.refresh`. There are no clients to register.',
  security: [],
  requestBody: form(
    {
      grant_type: { enum: ['password', 'refresh_token'] },
      username: { ...text, description: 'An e-mail address or a username.' },
      password: { ...text, format: 'password' },
      refresh_token: { ...text, description: 'With `grant_type=refresh_token`; single use.' },
      scope: { ...text, description: 'There are none: taken, and never granted.' },
    },
    ['grant_type'],
  ),
  responses: {
    200: {
      description: 'Signed in.',
      content: answers(
        {
          access_token: text,
          token_type: { const: 'Bearer' },
          expires_in: { type: 'integer', description: 'Seconds.' },
          refresh_token: text,
        },
        ['access_token', 'token_type', 'expires_in', 'refresh_token'],
      ),
    },
    ...refusals,
  },
};

export const revocationOperation: Operation = {
  operationId: 'oauth.revoke',
  tags,
  summary: 'End the session of a token, by a form',
  description:
    'For other languages (RFC 7009). Whatever is no token of ours is answered the same, and changes nothing.',
  security: [],
  requestBody: form(
    {
      token: { ...text, description: 'A refresh or access token.' },
      token_type_hint: { ...text, description: 'Not needed.' },
    },
    ['token'],
  ),
  responses: { 200: { description: 'Ended, if there was one.' }, ...refusals },
};

export const introspectionOperation: Operation = {
  operationId: 'oauth.introspect',
  tags,
  summary: 'Ask whether an access token is good now, by a form',
  description:
    'For services that cannot wait for a token to expire (RFC 7662): its session is looked up. Asked by the name and secret of a service (`LATCHKEY_SERVICES`) by HTTP Basic, or with the access token of an admin.',
  security: [{ service: [] }, { bearer: [] }],
  requestBody: form(
    {
      token: { ...text, description: 'An access token.' },
      token_type_hint: { ...text, description: 'Not needed.' },
    },
    ['token'],
  ),
  responses: {
    200: {
      description: 'Good, with what it says; or not, and nothing else.',
      content: answers(
        {
          active: { type: 'boolean' },
          token_type: { const: 'Bearer' },
          username: { ...text, description: 'Of a user who has one.' },
          ...Object.fromEntries(
            ['iss', 'aud', 'sub', 'sid', 'jti', 'role'].map((name) => [name, text]),
          ),
          ...Object.fromEntries(['iat', 'exp', 'ver'].map((name) => [name, { type: 'integer' }])),
        },
        ['active'],
      ),
    },
    401: {
      ...refusal('Neither a service nor an admin.'),
      headers: { 'WWW-Authenticate': { schema: text } },
    },
    ...refusals,
  },
};
