import { expect, test } from 'vitest';
import type { SigningKeyRecord } from '../../../shared/records.ts';
import {
  atOnce,
  byId,
  expectNoChange,
  later,
  newKey,
  newReplacement,
  plainKey,
  recorded,
  startedAt,
  type OpenStore,
} from './store-scene.ts';

export function describeSigningKeys(open: OpenStore): void {
  test('keys come back as they were written', async () => {
    await using s = await open();
    const active = newKey({ publicJwk: '{"kty":"OKP"}', status: 'active' });
    const next = newKey({ publicJwk: null, sealedPrivateJwk: Uint8Array.of(0, 255, 128) });
    const replaced = await recorded(s.store, (event) =>
      s.store.replaceSigningKeys({ expectedActiveId: null, active, next, at: startedAt, event }),
    );
    expect(replaced).toBe(true);
    const keys = await s.other.listSigningKeys();
    expect(keys.map(plainKey).toSorted(byId)).toEqual([active, next].map(plainKey).toSorted(byId));
  });

  test('the waiting key comes into service and the one before retires', async () => {
    await using s = await open();
    const first = newReplacement(null);
    await s.store.replaceSigningKeys(first);
    const upcoming: SigningKeyRecord = { ...first.next, status: 'active' };
    const second = { ...newReplacement(first.active.id), active: upcoming, at: later };
    expect(
      await recorded(s.store, (event) => s.store.replaceSigningKeys({ ...second, event })),
    ).toBe(true);
    expect((await s.other.listSigningKeys()).map(plainKey).toSorted(byId)).toEqual(
      [{ ...first.active, status: 'retired', retiredAt: later } as const, upcoming, second.next]
        .map(plainKey)
        .toSorted(byId),
    );
  });

  test('a waiting key that is passed over retires too', async () => {
    await using s = await open();
    const first = newReplacement(null);
    await s.store.replaceSigningKeys(first);
    await s.store.replaceSigningKeys({ ...newReplacement(first.active.id), at: later });
    const retired = (await s.other.listSigningKeys()).filter(
      ({ retiredAt }) => retiredAt === later,
    );
    expect(retired.map(({ id }) => id).toSorted()).toEqual(
      [first.active.id, first.next.id].toSorted(),
    );
  });

  test('a rotation that comes second changes nothing', async () => {
    await using s = await open();
    const first = newReplacement(null);
    await s.store.replaceSigningKeys(first);
    await expectNoChange(s.store, async () => {
      expect(await s.store.replaceSigningKeys(newReplacement(null))).toBe(false);
      expect(await s.store.replaceSigningKeys(newReplacement('another'))).toBe(false);
    });
  });

  test('of many who make the first keys or rotate at once, one does', async () => {
    await using s = await open();
    for (const round of [1, 2, 3]) {
      const active = (await s.store.listSigningKeys()).find(({ status }) => status === 'active');
      const outcomes = await atOnce(s, 8, (store) =>
        store.replaceSigningKeys(newReplacement(active?.id ?? null)),
      );
      expect(outcomes.filter(Boolean)).toHaveLength(1);
      const statuses = (await s.store.listSigningKeys()).map(({ status }) => status);
      expect(statuses.filter((status) => status === 'active')).toHaveLength(1);
      expect(statuses.filter((status) => status === 'next')).toHaveLength(1);
      expect(await s.store.listAuditEvents({ limit: 99 })).toHaveLength(round);
    }
  });

  test('pruning takes keys that retired before, and none in service', async () => {
    await using s = await open();
    const first = newReplacement(null);
    const second = { ...newReplacement(first.active.id), at: later };
    const third = { ...newReplacement(second.active.id), at: later + 1 };
    for (const command of [first, second, third]) await s.store.replaceSigningKeys(command);
    await s.store.pruneSigningKeys(later + 1);
    const kept = [second.active, second.next, third.active, third.next];
    expect((await s.other.listSigningKeys()).map(({ id }) => id).toSorted()).toEqual(
      kept.map(({ id }) => id).toSorted(),
    );
  });
}
