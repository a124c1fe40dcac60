import { expect, test } from 'vitest';
import { createRuntime } from '../../runtime.ts';
import {
  addSession,
  addUser,
  dayMs,
  hourMs,
  newEvent,
  revoke,
  startedAt,
  type OpenStore,
} from './store-scene.ts';

/** Four hours, of which the last ends where everything starts. */
const steps = { since: startedAt - 4 * hourMs, stepMs: hourMs, count: 4 };

/** An event of that time, by its id too. */
function eventAt(at: number, type: string, detail = {}): ReturnType<typeof newEvent> {
  return newEvent({ id: createRuntime(() => at).newId(), at, type, detail });
}

export function describeCounts(open: OpenStore): void {
  test('users are counted, whatever their status', async () => {
    await using s = await open();
    expect(await s.store.countUsers()).toBe(0);
    const gone = await addUser(s.store);
    await addUser(s.store);
    await addUser(s.store, { status: 'disabled' });
    const change = { userId: gone.id, passwordHash: 'hash', at: startedAt, event: newEvent() };
    await s.store.deleteUser(change);
    expect(await s.other.countUsers()).toBe(2);
  });

  test('sessions are counted: who is live at the end, who came and who went in each step', async () => {
    await using s = await open();
    expect(await s.store.countSessions(steps)).toEqual({
      live: 0,
      started: [0, 0, 0, 0],
      ended: [0, 0, 0, 0],
    });
    const user = await addUser(s.store);
    const add = (createdAt: number, idleExpiresAt = startedAt + dayMs) =>
      addSession(s.store, user, { createdAt, idleExpiresAt });
    // What happens where a step ends is in it, and not in the next one.
    await add(startedAt);
    await add(startedAt - hourMs);
    await add(startedAt - hourMs + 1);
    await add(steps.since, startedAt);
    await add(steps.since + 1, startedAt + 1);
    await add(steps.since - dayMs);
    // It was over long before it was revoked.
    await revoke(s.store, await add(steps.since - dayMs, steps.since + 1));
    await revoke(s.store, await add(steps.since - dayMs));
    await add(steps.since - dayMs, steps.since);
    expect(await s.other.countSessions(steps)).toEqual({
      live: 5,
      started: [1, 0, 1, 2],
      ended: [1, 0, 0, 2],
    });
  });

  test('events are counted by type and time, with those that they stand for', async () => {
    await using s = await open();
    const types = ['sign_in.failed', 'limit.reached'];
    const events = [
      eventAt(steps.since, 'limit.reached'),
      eventAt(steps.since + 1, 'limit.reached'),
      eventAt(startedAt - hourMs, 'sign_in.failed', { method: 'password' }),
      eventAt(startedAt, 'sign_in.failed'),
      eventAt(startedAt, 'limit.reached', { leftOut: 40 }),
      eventAt(startedAt, 'sign_in.succeeded'),
      eventAt(startedAt + 1, 'sign_in.failed'),
    ];
    for (const event of events) await s.store.recordAuditEvent(event);
    expect(await s.other.countEvents({ ...steps, types })).toEqual([1, 0, 1, 41]);
    expect(await s.other.countEvents({ ...steps, types: [] })).toEqual([0, 0, 0, 0]);
  });
}
