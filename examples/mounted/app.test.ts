import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasonOf } from 'latchkey/client';
import { createTestLatchkey } from 'latchkey/testing';
import { createApp } from './app.ts';
import { claimsOf, roles } from './auth.ts';

/** The application on a Latchkey in memory, and callers who are signed in as whom you like. */
async function createTestApp() {
  const t = await createTestLatchkey({ roles, claims: claimsOf });
  const app = createApp(t.latchkey);
  return {
    as: (user: Parameters<typeof t.callerAs>[0]) => t.callerAs(user, app),
    clock: t.clock,
    [Symbol.asyncDispose]: t.close,
  };
}

test('an editor writes, and colleagues read it', async () => {
  await using t = await createTestApp();
  const editor = await t.as({ role: 'editor', email: 'grace@navy.example' });
  const colleague = await t.as({ email: 'ada@navy.example' });
  const stranger = await t.as({ email: 'eve@other.example' });
  const post = await editor.posts.write({ title: 'Nanoseconds' });
  assert.deepEqual(await colleague.posts.list(), [post]);
  assert.deepEqual(await stranger.posts.list(), []);
});

test('others may not write', async () => {
  await using t = await createTestApp();
  const title = 'Not mine to write';
  const refusals = [
    [await t.as({ role: 'user' }), 'forbidden'],
    [await t.as(null), 'token_missing'],
  ] as const;
  for (const [caller, reason] of refusals) {
    await assert.rejects(caller.posts.write({ title }), (error) => reasonOf(error) === reason);
    assert.equal(await caller.posts.count(), 0);
  }
});

test('an editor who is one no longer may not write from the next call on', async () => {
  await using t = await createTestApp();
  const editor = await t.as({ role: 'editor' });
  const admin = await t.as({ role: 'admin' });
  const { id: userId } = await editor.user.me();
  await admin.admin.setRole({ userId, role: 'user' });
  const writing = editor.posts.write({ title: 'Too late' });
  await assert.rejects(writing, (error) => reasonOf(error) === 'token_stale');
});

test('an access token is good for fifteen minutes', async () => {
  await using t = await createTestApp();
  const user = await t.as({ role: 'user' });
  t.clock.advance(15 * 60);
  await assert.rejects(user.posts.list(), (error) => reasonOf(error) === 'token_expired');
});
