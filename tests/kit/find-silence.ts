import { createClient } from 'redis';
import { withClient } from './databases.ts';

/** Which of the two servers does not answer, a line for each with what to do. */
export async function findSilence(databaseUrl: string, redisUrl: string): Promise<string[]> {
  const tries = [
    ['PostgreSQL', 'LATCHKEY_TEST_DATABASE', () => withClient(databaseUrl, askNothing)],
    ['Redis', 'LATCHKEY_TEST_REDIS', () => pingRedis(redisUrl)],
  ] as const;
  const lines = await Promise.all(
    tries.map(async ([server, variable, reach]) => {
      try {
        await reach();
        return [];
      } catch (error) {
        const reason = error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
        return [`no ${server} answers (${reason}); start one, or name it with ${variable}`];
      }
    }),
  );
  return lines.flat();
}

async function askNothing(): Promise<void> {}

async function pingRedis(url: string): Promise<void> {
  const client = createClient({ url, socket: { connectTimeout: 5_000, reconnectStrategy: false } });
  client.on('error', () => {});
  await client.connect();
  await client.close();
}
