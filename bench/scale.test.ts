import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const scale = fileURLToPath(new URL('scale.ts', import.meta.url));

test('the bench of sizes runs from end to end', { timeout: 600_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [scale, '--quick']);
  for (const figure of ['user.me', 'auth.refresh', 'session.revoke', 'search for one user']) {
    expect(stdout).toContain(figure);
  }
  expect(stdout).toMatch(/120 users: \d+ bytes each and \d+ for a session/);
  expect(stdout).toMatch(/a bite of \d+ sessions pruned takes \d/);
  expect(stdout).not.toMatch(/NaN|undefined/);
});
