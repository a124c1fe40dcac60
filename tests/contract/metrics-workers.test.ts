import { expect, test } from 'vitest';
import { parseMetrics } from './parse-metrics.ts';
import { exchange, requestText } from './raw-socket.ts';
import { createFolder, startProcess } from './server-process.ts';

test('any worker answers for all, and for those that have ended', async () => {
  await using folder = await createFolder();
  await using server = startProcess({
    DATABASE_URL: `file:${folder.path}/latchkey.db`,
    LATCHKEY_WORKERS: '2',
    LATCHKEY_METRICS: 'on',
  });
  const url = await server.ready;

  /** Each on a connection of its own, which go to the workers in turn. */
  async function ask(target: string): Promise<string> {
    const { text } = await exchange(url, requestText(`GET ${target}`));
    return text.slice(text.indexOf('\r\n\r\n') + 4);
  }
  async function scrape() {
    const metrics = parseMetrics(await ask('/metrics'));
    const valuesOf = (name: string) => metrics.get(name)?.series.map(({ value }) => value);
    return {
      processes: valuesOf('latchkey_processes'),
      calls: valuesOf('latchkey_requests_total'),
      builds: valuesOf('latchkey_build_info'),
      memory: valuesOf('process_resident_memory_bytes')?.[0] ?? Number.NaN,
    };
  }
  const all = { processes: [2], calls: [20], builds: [1] };

  for (let count = 0; count < 20; count += 1) await ask('/trpc/user.me');
  const before = [await scrape(), await scrape()];
  expect(before).toMatchObject([all, all]);

  // Each makes place for another.
  server.kill('SIGHUP');
  await expect
    .poll(() => server.stdout(), { timeout: 15_000 })
    .toContain('"the workers are replaced"');
  await expect.poll(scrape, { timeout: 15_000 }).toMatchObject(all);
  const after = await scrape();
  expect(after).toMatchObject(all);
  // And nothing of what those used that have ended.
  expect(after.memory).toBeLessThan(1.6 * (before[0]?.memory ?? 0));
});
