import jwt from '@fastify/jwt';
import createFastify from 'fastify';
import { reportReady } from './child.ts';
import { openSessionFile, type Session } from './session-file.ts';

// Fastify with @fastify/jwt as their documentation has them: HS256, `request.jwtVerify`, schemas for
// what is answered, and the session read from SQLite at every call. With `cache` the plugin keeps
// a thousand tokens that it has verified. NODE_ENV=production, no logger.
const [, , path = '', cost = '4', people = '1', cached] = process.argv;
const file = await openSessionFile({ path, cost: Number(cost), people: Number(people) });

declare module '@fastify/jwt' {
  interface FastifyJWT {
    payload: { sid: string; sub: string; role: string };
    user: { sid: string };
  }
}

const text = { type: 'string' } as const;
const textOrNull = { type: ['string', 'null'] } as const;
const user = {
  type: 'object',
  properties: {
    id: text,
    email: text,
    emailVerified: { type: 'boolean' },
    username: textOrNull,
    name: textOrNull,
    role: text,
    status: text,
    createdAt: text,
    updatedAt: text,
  },
} as const;
const tokens = {
  type: 'object',
  properties: {
    accessToken: text,
    tokenType: text,
    expiresIn: { type: 'integer' },
    refreshToken: text,
    user,
  },
} as const;
function bodyOf(...names: string[]) {
  const properties = Object.fromEntries(names.map((name) => [name, text]));
  return { type: 'object', required: names, properties } as const;
}

const app = createFastify();
await app.register(jwt, {
  secret: 'for the bench alone: nothing outlives it',
  sign: { algorithm: 'HS256', expiresIn: '1d' },
  verify: { algorithms: ['HS256'], ...(cached === 'cache' && { cache: true }) },
});

app.get('/me', {
  schema: { response: { 200: user } },
  onRequest: (request) => request.jwtVerify(),
  handler: async (request) => {
    const found = file.findUser(request.user.sid);
    if (!found) throw unauthorized();
    return found;
  },
});
app.post<{ Body: { email: string; password: string } }>('/login', {
  schema: { body: bodyOf('email', 'password'), response: { 200: tokens } },
  handler: async ({ body }) => answer(await file.signIn(body.email, body.password)),
});
app.post<{ Body: { refreshToken: string } }>('/refresh', {
  schema: { body: bodyOf('refreshToken'), response: { 200: tokens } },
  handler: async ({ body }) => answer(file.rotate(body.refreshToken)),
});
reportReady(await app.listen({ host: '127.0.0.1', port: 0 }));

function answer(session: Session | null) {
  if (!session) throw unauthorized();
  const { id, user: owner, refreshToken } = session;
  const accessToken = app.jwt.sign({ sid: id, sub: owner.id, role: owner.role });
  return { accessToken, tokenType: 'Bearer', expiresIn: 86_400, refreshToken, user: owner };
}

function unauthorized(): Error {
  return Object.assign(new Error('Unauthorized'), { statusCode: 401 });
}
