import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createCircuit } from './circuit.ts';
import { createMemoryCounter, type Counter } from './counter.ts';
import { insureCounter } from './insured-counter.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const options = { name: 'a', calls: 10, seconds: 60 };

/** Two processes on one shared place, which can break and be emptied. */
function openScene() {
  let shared = createMemoryCounter(options);
  let removals = createMemoryCounter(options);
  let isBroken = false;
  const behind = (find: () => Counter): Counter => {
    const reach = async () => {
      if (isBroken) throw new Error('gone');
      return find();
    };
    return {
      consume: async (key, seconds) => (await reach()).consume(key, seconds),
      add: async (key, calls) => (await reach()).add(key, calls),
      read: async (key) => (await reach()).read(key),
      remove: async (key) => (await reach()).remove(key),
    };
  };
  const place = { shared: behind(() => shared), removals: behind(() => removals) };
  const openOne = () =>
    insureCounter(
      place,
      options,
      createCircuit(250, () => {}),
    );
  return {
    processes: [openOne(), openOne()] as const,
    setBroken(value: boolean) {
      isBroken = value;
    },
    empty() {
      shared = createMemoryCounter(options);
      removals = createMemoryCounter(options);
    },
  };
}

async function admitted(counter: Counter, times: number): Promise<number> {
  let count = 0;
  for (let time = 0; time < times; time += 1) {
    if ((await counter.consume('k')).calls <= options.calls) count += 1;
  }
  return count;
}

/** A question that fails, the rest after it, and the one that finds that all is well. */
async function recover(counter: Counter): Promise<void> {
  await vi.advanceTimersByTimeAsync(1_001);
  await counter.consume('another');
}

test('without the shared place each process has its own budget, less what it let through', async () => {
  const { processes, setBroken } = openScene();
  expect(await admitted(processes[0], 4)).toBe(4);
  setBroken(true);
  expect(await admitted(processes[0], 20)).toBe(6);
  expect(await admitted(processes[1], 20)).toBe(10);
});

test('a shared place that comes back, as it was or empty, gives no process a new budget', async () => {
  const { processes, setBroken, empty } = openScene();
  const [process] = processes;
  expect(await admitted(process, 20)).toBe(10);
  for (const isEmpty of [false, true, false, true]) {
    setBroken(true);
    expect(await admitted(process, 20)).toBe(0);
    setBroken(false);
    if (isEmpty) empty();
    await recover(process);
    expect(await admitted(process, 20)).toBe(0);
  }
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await admitted(process, 20)).toBe(10);
});

test('what a process refuses by itself ends when its time is over', async () => {
  const { processes, empty } = openScene();
  await admitted(processes[0], 10);
  await vi.advanceTimersByTimeAsync(20_000);
  empty();
  expect(await processes[0].consume('k')).toMatchObject({ calls: 11, leftMs: 40_000 });
  expect(await processes[0].read('k')).toMatchObject({ leftMs: 40_000 });
});

test('the own time ends with the shared one, so that nobody waits longer at one process', async () => {
  const { processes } = openScene();
  await admitted(processes[0], 1);
  await vi.advanceTimersByTimeAsync(50_000);
  expect(await admitted(processes[1], 20)).toBe(9);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await admitted(processes[1], 20)).toBe(10);
});

test('refused calls at one process take nothing from another’s own budget', async () => {
  const { processes, setBroken } = openScene();
  await admitted(processes[0], 10);
  expect(await admitted(processes[1], 30)).toBe(0);
  setBroken(true);
  expect(await admitted(processes[1], 30)).toBe(10);
});

test('what another process removed is not taken for lost', async () => {
  const { processes } = openScene();
  const [one, other] = processes;
  expect(await admitted(one, 20)).toBe(10);
  await other.remove('k');
  expect(await one.read('k')).toBeNull();
  expect(await admitted(one, 4)).toBe(4);
  expect(await admitted(other, 20)).toBe(6);
});

test('removing and giving back work without the shared place', async () => {
  const { processes, setBroken } = openScene();
  setBroken(true);
  expect(await admitted(processes[0], 20)).toBe(10);
  await processes[0].remove('k');
  expect(await admitted(processes[0], 10)).toBe(10);
  await processes[0].add('k', -1);
  expect(await admitted(processes[0], 20)).toBe(1);
});
