import { createServer, type RequestListener } from 'node:http';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { compare, underLoad, type Call, type ServerProcess, type Slice } from './harness.ts';
import { listen } from './servers/child.ts';

/** A server of this process in place of one under test. */
async function serve(answer: RequestListener): Promise<ServerProcess> {
  const server = createServer(answer);
  onTestFinished(() => server.closeAllConnections());
  onTestFinished(() => void server.close());
  const url = await listen(server);
  return { url, run: async () => 0, residentBytes: async () => 0, stop: async () => {} };
}

const read: Call = { method: 'GET', path: '/', headers: {} };

test('a run with an answer other than 200 is refused', async () => {
  let requests = 0;
  const server = await serve((_req, res) => {
    requests += 1;
    res.statusCode = requests === 7 ? 503 : 200;
    res.end('somebody@example.com');
  });
  await expect(underLoad(server, [read, read]).measure(20)).rejects.toThrow(
    'The run is refused: of 20 requests to / 19 were answered with 200',
  );
});

test('a run with an answer to a stranger is refused', async () => {
  const server = await serve((_req, res) => res.end('null'));
  await expect(underLoad(server, [read]).measure(5)).rejects.toThrow('5 without @example.com');
});

test('each connection goes on with its last answer, also in the next slice', async () => {
  const seen: string[] = [];
  const server = await serve((req, res) => {
    void text(req).then((body) => {
      seen.push(body);
      res.end(`${body}' somebody@example.com`);
    });
  });
  const calls = ['a', 'b'].map((body): Call => {
    const follow = (answer: string) => ({ body: answer.split(' ')[0] ?? '' });
    return { method: 'POST', path: '/', headers: {}, body, follow };
  });
  const subject = underLoad(server, calls);
  await subject.measure(4);
  await subject.measure(2);
  expect(seen.toSorted()).toEqual(['a', "a'", "a''", 'b', "b'", "b''"]);
});

test('a ratio is ours by theirs, within one pair of neighbouring slices', async () => {
  const order: string[] = [];
  function subject(name: string, seconds: readonly number[]) {
    // One more for the warm-up.
    const left = [1, ...seconds];
    return {
      concurrency: 10,
      measure: async (operations: number): Promise<Slice> => {
        order.push(name);
        const taken = left.shift() ?? Number.NaN;
        return { operations, seconds: taken, cpuMicros: taken * 1e5, loadCpuMicros: taken * 5e5 };
      },
    };
  }
  const ours = subject('ours', [1, 1, 2]);
  const theirs = subject('theirs', [2, 4, 2]);
  const { rateRatio, cpuRatio, loadShare } = await compare([ours, theirs], {
    slices: 3,
    sliceSeconds: 1,
    warmUpSeconds: 1,
  });
  expect(order.slice(2)).toEqual(['ours', 'theirs', 'theirs', 'ours', 'ours', 'theirs']);
  expect(rateRatio).toEqual({ min: 1, median: 2, max: 4 });
  expect(cpuRatio).toEqual({ min: 0.25, median: 0.5, max: 1 });
  expect(loadShare).toBe(0.5);
});
