import { expect, test } from 'vitest';
import { createTestLatchkey } from '../testing/create-test-latchkey.ts';
import { createFigures } from './read-figures.ts';

const hourSeconds = 3_600;

/** Latchkey whose store says how often it has counted; each counting takes so many seconds. */
async function createSetup(countingSeconds = 0) {
  const t = await createTestLatchkey();
  const { store, runtime } = t.composition.accounts;
  const counted = { times: 0 };
  const readFigures = createFigures({
    runtime,
    store: {
      ...store,
      countUsers: () => {
        counted.times += 1;
        t.clock.advance(countingSeconds);
        return store.countUsers();
      },
    },
  });
  return { ...t, counted, readFigures };
}

test('the curve is told from now backwards', async () => {
  await using t = await createSetup();
  const stays = await t.signInAs({ email: 'stays@test.example' });
  t.clock.advance(2 * hourSeconds);
  const leaves = await t.signInAs({ email: 'leaves@test.example' });
  t.clock.advance(hourSeconds);
  const caller = await t.clientAs(null);
  await caller.auth.logout.mutate({ refreshToken: leaves.refreshToken });
  t.clock.advance(hourSeconds);
  await t.signInAs({ email: stays.user.email });
  const wrong = caller.auth.login.mutate({ email: stays.user.email, password: 'not the one' });
  await expect(wrong).rejects.toMatchObject({ data: { reason: 'invalid_credentials' } });
  const { points, ...figures } = await t.readFigures(24);
  expect(figures).toEqual({ users: 2, activeSessions: 2, stepSeconds: 1_800 });
  const now = t.clock.now();
  expect(points.map(({ at }) => Date.parse(at))).toEqual(
    Array.from({ length: 48 }, (_, point) => now - (47 - point) * 1_800_000),
  );
  const active = [1, 1, 1, 1, 2, 2, 1, 1, 2];
  expect(points.map(({ activeSessions }) => activeSessions)).toEqual([
    ...Array<number>(48 - active.length).fill(0),
    ...active,
  ]);
  expect(points.at(-1)?.refusals).toBe(1);
  expect(points.slice(0, -1).every(({ refusals }) => refusals === 0)).toBe(true);
});

test('fewer hours are the same figures in finer steps', async () => {
  await using t = await createSetup();
  const client = await t.clientAs(null);
  const { user } = await t.signInAs();
  const signIn = () =>
    client.auth.login.mutate({ email: user.email, password: 'a test password of the kit' });
  t.clock.advance(1.5 * hourSeconds);
  await signIn();
  await signIn();
  const [day, two, one] = [await t.readFigures(24), await t.readFigures(2), await t.readFigures(1)];
  const signInsOf = ({ points }: typeof day) => points.map(({ signIns }) => signIns).join('');
  expect([day, two, one].map(({ stepSeconds }) => stepSeconds)).toEqual([1_800, 150, 75]);
  expect(signInsOf(day)).toMatch(/^0*1002$/);
  expect(signInsOf(two)).toBe(`${'0'.repeat(11)}1${'0'.repeat(35)}2`);
  expect(signInsOf(one)).toBe(`${'0'.repeat(47)}2`);
  expect(t.counted.times).toBe(1);
});

test('many who ask at once cost one counting, and whoever asks soon after none', async () => {
  await using t = await createSetup();
  const [first, second] = await Promise.all([t.readFigures(24), t.readFigures(24)]);
  expect(second).toEqual(first);
  await t.signInAs();
  t.clock.advance(4.999);
  expect(await t.readFigures(24)).toEqual(first);
  expect(t.counted.times).toBe(1);
  t.clock.advance(0.001);
  expect(await t.readFigures(24)).toMatchObject({ users: 1, activeSessions: 1 });
  expect(t.counted.times).toBe(2);
});

test('what took long to count is kept ten times as long', async () => {
  await using t = await createSetup(2);
  await t.readFigures(24);
  t.clock.advance(19.999);
  await t.readFigures(24);
  expect(t.counted.times).toBe(1);
  t.clock.advance(0.001);
  await t.readFigures(24);
  expect(t.counted.times).toBe(2);
});

test('a clock that was set on meanwhile keeps them no longer than a minute', async () => {
  await using t = await createSetup(hourSeconds);
  await t.readFigures(24);
  t.clock.advance(59.999);
  await t.readFigures(24);
  expect(t.counted.times).toBe(1);
  t.clock.advance(0.001);
  await t.readFigures(24);
  expect(t.counted.times).toBe(2);
});

test('a clock that was set back makes no figures last', async () => {
  await using t = await createSetup();
  await t.readFigures(24);
  t.clock.advance(-hourSeconds);
  await t.readFigures(24);
  expect(t.counted.times).toBe(2);
});

test('a counting that failed is not kept', async () => {
  await using t = await createTestLatchkey();
  const { store, runtime } = t.composition.accounts;
  let fails = true;
  const readFigures = createFigures({
    runtime,
    store: {
      ...store,
      countUsers: () => (fails ? Promise.reject(new Error('busy')) : store.countUsers()),
    },
  });
  await expect(readFigures(24)).rejects.toThrow('busy');
  fails = false;
  expect(await readFigures(24)).toMatchObject({ users: 0 });
});
