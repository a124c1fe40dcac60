import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { LatchkeyError, type Latchkey } from 'latchkey/server';

/** An Express application with Latchkey in it, and REST routes of its own. */
export function createApp(
  latchkey: Latchkey<'user' | 'admin', never, Record<never, never>>,
): Express {
  const app = express();
  app.disable('x-powered-by');

  // /trpc, discovery and health. What is not Latchkey's goes on to the routes below.
  app.use(latchkey.nodeHandler());

  app.get('/api/version', (_request, response) => {
    response.json({ version: 1 });
  });

  // Throws where nobody is signed in: Express 5 hands that to the last middleware.
  app.get('/api/profile', async (request, response) => {
    const { user, session } = await latchkey.authenticate(request);
    response.set('cache-control', 'no-store').json({ email: user.email, session: session.id });
  });

  // Or for all routes below a path.
  const onlyAdmins: RequestHandler = async (request, _response, next) => {
    const { user } = await latchkey.authenticate(request);
    if (user.role !== 'admin') throw new LatchkeyError('forbidden');
    next();
  };
  app.use('/api/reports', onlyAdmins);
  app.get('/api/reports/today', (_request, response) => {
    response.set('cache-control', 'no-store').json({ visitors: 1_024 });
  });

  const answerError: ErrorRequestHandler = (error, _request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const refusal = error instanceof LatchkeyError ? error : new LatchkeyError('internal');
    if (refusal !== error) console.error(error);
    response.status(refusal.httpStatus).json({ error: refusal.message, reason: refusal.reason });
  };
  app.use(answerError);
  return app;
}
