import { expect, test } from 'vitest';
import { findFreePort, runExample } from './start-example.ts';

test('node-client: signs up, comes back, is refused with a reason and signs out', async () => {
  const PORT = String(await findFreePort());
  const { code, output } = await runExample('node-client', { variables: { PORT } });
  expect(output).toContain(
    [
      'Refused: weak_password, common',
      'Signed up: ada@example.com, user',
      'Called: ada@example.com is signed in at 1 place',
      'Refused: forbidden',
      'Came back: signed-in',
      'Called: the name is Ada Lovelace',
      'Signed out: signed-out',
      'Refused: token_missing',
    ].join('\n'),
  );
  expect(code).toBe(0);
});
