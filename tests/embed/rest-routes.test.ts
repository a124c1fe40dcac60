import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler } from 'express';
import { LatchkeyError } from 'latchkey/server';
import { createTestLatchkey } from 'latchkey/testing';
import { expect, test } from 'vitest';
import { claimsOf, roles } from './host-application.ts';

/** An Express application with a route that asks who calls, as `latchkey.authenticate` says it. */
async function startRoutes() {
  const t = await createTestLatchkey({ roles, claims: claimsOf });
  const app = express();
  // oxlint-disable-next-line no-async-endpoint-handlers -- Express 5 hands a rejection to its error handlers
  app.get('/who', async (req, res) => {
    res.json(await t.latchkey.authenticate(req));
  });
  // oxlint-disable-next-line max-params -- by its four parameters Express knows it
  const answerRefusal: ErrorRequestHandler = (error, _req, res, next) => {
    if (error instanceof LatchkeyError) {
      res.status(error.httpStatus).json({ reason: error.reason });
    } else {
      next(error);
    }
  };
  app.use(answerRefusal);
  const server = createServer(app as RequestListener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    ...t,
    async ask(authorization?: string, headers: Record<string, string> = {}) {
      const response = await fetch(`http://127.0.0.1:${port}/who`, {
        headers: { ...headers, ...(authorization !== undefined && { authorization }) },
      });
      return { status: response.status, body: await response.json() };
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
      await t.close();
    },
  };
}

const refused = (status: number, reason: string) => ({ status, body: { reason } });

test('a route knows who calls: user, session and claims', async () => {
  await using t = await startRoutes();
  const { user, accessToken } = await t.signInAs({ role: 'editor' });
  const [session] = await t.composition.accounts.store.listSessions(user.id, t.clock.now());
  expect(await t.ask(`Bearer ${accessToken}`)).toEqual({
    status: 200,
    body: { user, session: { id: session?.id }, claims: { plan: 'paid', teams: ['editors'] } },
  });
});

test('without a token, or with one that is none, it is nobody', async () => {
  await using t = await startRoutes();
  const { accessToken, refreshToken } = await t.signInAs();
  expect(await t.ask()).toEqual(refused(401, 'token_missing'));
  const cookie = `latchkey=${refreshToken}; __Host-latchkey=${refreshToken}`;
  expect(await t.ask(undefined, { cookie })).toEqual(refused(401, 'token_missing'));
  for (const authorization of [
    'Bearer',
    accessToken,
    `Basic ${accessToken}`,
    `Bearer ${accessToken} x`,
    `Bearer ${refreshToken}`,
    `Bearer ${t.forge.signedByStranger(accessToken)}`,
  ]) {
    expect(await t.ask(authorization)).toEqual(refused(401, 'token_invalid'));
  }
});

test('what ends a session or changes a role counts from the next request on', async () => {
  await using t = await startRoutes();
  const admin = await t.callerAs({ role: 'admin' });
  const [old, demoted, ended] = [await t.signInAs(), await t.signInAs(), await t.signInAs()];
  const ask = ({ accessToken }: typeof old) => t.ask(`Bearer ${accessToken}`);
  for (const each of [old, demoted, ended]) expect((await ask(each)).status).toBe(200);
  await admin.admin.setRole({ userId: demoted.user.id, role: 'reader' });
  expect(await ask(demoted)).toEqual(refused(401, 'token_stale'));
  await admin.admin.revokeSessions({ userId: ended.user.id });
  expect(await ask(ended)).toEqual(refused(401, 'session_revoked'));
  await admin.admin.disableUser({ userId: old.user.id });
  expect(await ask(old)).toEqual(refused(401, 'session_revoked'));
  const late = await t.signInAs();
  t.clock.advance(15 * 60);
  expect(await ask(late)).toEqual(refused(401, 'token_expired'));
});

test('a refused token is in the audit log, with the address and without its path', async () => {
  await using t = await startRoutes();
  await t.ask('Bearer made-up');
  await t.composition.refusals.close();
  const [event] = await t.composition.accounts.store.listAuditEvents({ limit: 1 });
  expect(event).toMatchObject({
    type: 'token.refused',
    actorId: null,
    ip: '127.0.0.1',
    detail: { path: 'authenticate' },
  });
});

test('a web request is asked the same way', async () => {
  await using t = await createTestLatchkey();
  const { user, accessToken } = await t.signInAs();
  const request = (authorization: string) =>
    new Request('http://localhost/report', { headers: { authorization } });
  expect(await t.latchkey.authenticate(request(`Bearer ${accessToken}`))).toMatchObject({ user });
  await expect(t.latchkey.authenticate(request('Bearer x'))).rejects.toMatchObject({
    reason: 'token_invalid',
    httpStatus: 401,
  });
});
