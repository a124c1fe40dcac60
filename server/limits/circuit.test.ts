import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createCircuit } from './circuit.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const answer = async () => 'answer';
const fail = () => Promise.reject(new Error('broken'));
const hang = () => new Promise<never>(() => {});

function openCircuit() {
  const said: boolean[] = [];
  const circuit = createCircuit(250, (isAnswering) => void said.push(isAnswering));
  return { circuit, said };
}

test('what answers is asked, and nothing is said', async () => {
  const { circuit, said } = openCircuit();
  expect(await circuit.ask(answer)).toEqual({ value: 'answer' });
  expect(await circuit.ask(async () => null)).toEqual({ value: null });
  expect(said).toEqual([]);
});

test('what hangs is waited for so long, then asked by nobody for a second', async () => {
  const { circuit, said } = openCircuit();
  const first = circuit.ask(hang, true);
  await vi.advanceTimersByTimeAsync(251);
  expect(await first).toBeNull();
  const question = vi.fn<() => Promise<string>>(answer);
  await vi.advanceTimersByTimeAsync(990);
  expect(await circuit.ask(question, true)).toBeNull();
  expect(question).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(20);
  expect(await circuit.ask(question, true)).toEqual({ value: 'answer' });
  expect(said).toEqual([false, true]);
});

test('an answer that is there when the time is over counts', async () => {
  const { circuit, said } = openCircuit();
  const asking = circuit.ask(
    () => new Promise((resolve) => setTimeout(() => setImmediate(() => resolve('answer')), 250)),
  );
  await vi.advanceTimersByTimeAsync(300);
  expect(await asking).toEqual({ value: 'answer' });
  expect(said).toEqual([]);
});

test('after the rest one question is a trial, and no other waits for it', async () => {
  const { circuit, said } = openCircuit();
  expect(await circuit.ask(fail)).toBeNull();
  await vi.advanceTimersByTimeAsync(1_001);
  const other = vi.fn<() => Promise<string>>(answer);
  expect(await circuit.ask(other)).toBeNull();
  const trial = circuit.ask(hang, true);
  expect(await circuit.ask(other, true)).toBeNull();
  expect(other).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(251);
  expect(await trial).toBeNull();
  await vi.advanceTimersByTimeAsync(1_001);
  await circuit.ask(answer, true);
  expect(await circuit.ask(other)).toEqual({ value: 'answer' });
  expect(said).toEqual([false, true]);
});

test('what was under way when another question failed changes nothing', async () => {
  const { circuit, said } = openCircuit();
  const late = circuit.ask(
    () => new Promise((resolve) => setTimeout(() => resolve('answer'), 100)),
  );
  await circuit.ask(fail);
  await circuit.ask(fail);
  await vi.advanceTimersByTimeAsync(100);
  expect(await late).toEqual({ value: 'answer' });
  expect(await circuit.ask(answer)).toBeNull();
  expect(said).toEqual([false]);
});
