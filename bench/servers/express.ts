import { createServer } from 'node:http';
import express, { type Response } from 'express';
import jwt from 'jsonwebtoken';
import { z } from 'zod';
import { listen, reportReady } from './child.ts';
import { openSessionFile, type Session } from './session-file.ts';

// Express with jsonwebtoken as their documentation has them: HS256, `jwt.verify` with the algorithm
// named, and the session read from SQLite at every call. NODE_ENV=production.
const [, , path = '', cost = '4', people = '1'] = process.argv;
const file = await openSessionFile({ path, cost: Number(cost), people: Number(people) });
const secret = 'for the bench alone: nothing outlives it';
const credentials = z.object({ email: z.string(), password: z.string() });
const refreshInput = z.object({ refreshToken: z.string() });

const app = express();
app.use(express.json());

app.get('/me', (req, res) => {
  const sessionId = sessionIdOf(req.headers.authorization?.split(' ')[1] ?? '');
  const user = sessionId === null ? null : file.findUser(sessionId);
  if (user) res.json(user);
  else res.sendStatus(401);
});
// oxlint-disable-next-line no-async-endpoint-handlers -- Express 5 handles a rejected promise
app.post('/login', async (req, res) => {
  const { email, password } = credentials.parse(req.body);
  answer(res, await file.signIn(email, password));
});
app.post('/refresh', (req, res) => {
  answer(res, file.rotate(refreshInput.parse(req.body).refreshToken));
});
reportReady(await listen(createServer(app)));

function sessionIdOf(token: string): string | null {
  try {
    const claims = jwt.verify(token, secret, { algorithms: ['HS256'] });
    return typeof claims === 'object' && typeof claims['sid'] === 'string' ? claims['sid'] : null;
  } catch {
    return null; // Whatever is wrong with a token, the answer is 401.
  }
}

function answer(res: Response, session: Session | null): void {
  if (!session) return void res.sendStatus(401);
  const { id, user, refreshToken } = session;
  const options = { algorithm: 'HS256', subject: user.id, expiresIn: '1d' } as const;
  const accessToken = jwt.sign({ sid: id, role: user.role }, secret, options);
  res.json({ accessToken, tokenType: 'Bearer', expiresIn: 86_400, refreshToken, user });
}
