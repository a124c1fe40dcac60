import { expect, test } from 'vitest';
import { createRuntime } from '../runtime.ts';
import { auditEventTypes, createAuditEvent } from './audit-event.ts';

const runtime = createRuntime(() => 1_700_000_000_000);
const actor = { userId: 'ada', sessionId: 's1', ip: '203.0.113.9', userAgent: 'curl/8' };

test('an event is about whoever acts, unless it says otherwise', () => {
  expect(createAuditEvent(runtime, 'user.updated', { actor })).toEqual({
    id: expect.any(String) as unknown,
    at: 1_700_000_000_000,
    type: 'user.updated',
    actorId: 'ada',
    userId: 'ada',
    sessionId: 's1',
    ip: '203.0.113.9',
    userAgent: 'curl/8',
    detail: {},
  });
});

test('an event may be about somebody else, or about nobody', () => {
  const about = (subject: { userId?: string | null; sessionId?: string | null }) =>
    createAuditEvent(runtime, 'user.disabled', { actor, ...subject });
  expect(about({ userId: 'bob', sessionId: null })).toMatchObject({
    actorId: 'ada',
    userId: 'bob',
    sessionId: null,
  });
  expect(about({ userId: null })).toMatchObject({ actorId: 'ada', userId: null, sessionId: 's1' });
});

test('events of one moment are in the order in which they were made', () => {
  const ids = Array.from(
    { length: 100 },
    () => createAuditEvent(runtime, 'user.updated', { actor }).id,
  );
  expect(ids).toEqual(ids.toSorted());
  expect(new Set(ids).size).toBe(100);
});

test('every type can be asked for', () => {
  for (const type of auditEventTypes) expect(type).toMatch(/^[a-z_.]{1,64}$/);
});
