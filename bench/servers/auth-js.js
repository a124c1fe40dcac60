import { createServer } from 'node:http';
import { ExpressAuth, getSession } from '@auth/express';
import Credentials from '@auth/express/providers/credentials';
import { hash, verify } from '@node-rs/bcrypt';
import express from 'express';
import { listen, reportReady } from './child.ts';
import { addresses, password } from './people.ts';

// Auth.js on Express as its documentation has it, with passwords. That means sessions by an
// encrypted JWT: there is no session in a database to read and none to revoke, so Auth.js does
// less here than the others, and its answer is shorter. NODE_ENV=production. In JavaScript, because
// Auth.js's types bring those of the browser with them, for all of this project.
const [, , cost = '4', people = '1'] = process.argv;
const stored = await hash(password, { cost: Number(cost) });
const hashes = new Map(addresses(Number(people)).map((email) => [email, stored]));

const config = {
  secret: 'for the bench alone: nothing outlives it',
  trustHost: true,
  // The bench speaks http; a cookie for https alone has another name.
  useSecureCookies: false,
  basePath: '/auth',
  session: { strategy: 'jwt' },
  providers: [
    Credentials({
      credentials: { email: {}, password: {} },
      async authorize({ email, password }) {
        if (typeof email !== 'string' || typeof password !== 'string') return null;
        const known = hashes.get(email);
        return known !== undefined && (await verify(password, known)) ? { id: email, email } : null;
      },
    }),
  ],
};

const app = express();
app.use('/auth', ExpressAuth(config));
// oxlint-disable-next-line no-async-endpoint-handlers -- Express 5 handles a rejected promise
app.get('/me', async (req, res) => {
  const session = await getSession(req, config);
  if (session) res.json(session);
  else res.sendStatus(401);
});
reportReady(await listen(createServer(app)));
