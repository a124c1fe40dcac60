import { expect, test } from 'vitest';
import { createReadyLine, createStartScreen, type StartScreen } from './start-screen.ts';

const screen: StartScreen = {
  version: '1.2.3',
  address: 'http://127.0.0.1:4000',
  url: 'http://localhost:4000',
  workers: 1,
  readyAfterMs: 123.4,
  created: { database: false, migrations: 0, secretPath: null },
  admin: null,
};
const created = { database: true, migrations: 2, secretPath: './data/latchkey.db.secret' };
const admin = { email: 'admin@latchkey.localhost', password: 'shown-this-once' };

test('a first start says where it is, what it made, and the password of the first admin', () => {
  expect(createStartScreen({ ...screen, created, admin })).toMatchInlineSnapshot(`
    "
    Latchkey 1.2.3 is ready on http://127.0.0.1:4000 after 123 ms

      console         http://localhost:4000/
      API page        http://localhost:4000/docs
      tRPC endpoint   http://localhost:4000/trpc
      public keys     http://localhost:4000/.well-known/jwks.json
      health          http://localhost:4000/health/ready

      created the database
      applied 2 migration(s)
      created a secret in ./data/latchkey.db.secret: keep it with the database
      created the first admin; this password is shown once:
        e-mail    admin@latchkey.localhost
        password  shown-this-once

      Next: open the console and sign in.

    "
  `);
});

test('a later start says where it is, without a gap where nothing was made', () => {
  const text = createStartScreen(screen);
  expect(text).toContain('http://127.0.0.1:4000');
  expect(text).not.toMatch(/created|applied|password|\n\n\n/);
});

test('a password that somebody chose is not repeated', () => {
  const text = createStartScreen({ ...screen, admin: { ...admin, password: null } });
  expect(text).not.toMatch(/password/);
});

test('in production it is one line, without a password', () => {
  expect(createReadyLine(screen)).toBe(
    'Latchkey 1.2.3 is ready on http://127.0.0.1:4000 after 123 ms',
  );
  expect(createReadyLine({ ...screen, created, workers: 3 })).toBe(
    'Latchkey 1.2.3 is ready on http://127.0.0.1:4000 with 3 workers after 123 ms; created the database',
  );
  expect(createReadyLine({ ...screen, created, admin })).toBe(
    'Latchkey 1.2.3 is ready on http://127.0.0.1:4000 after 123 ms; created the database; created the first admin, admin@latchkey.localhost',
  );
});
