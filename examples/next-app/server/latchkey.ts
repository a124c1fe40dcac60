import { createLatchkey, type Latchkey } from 'latchkey/server';

async function open() {
  return createLatchkey({
    database: 'file:./data/app.db',
    url: `http://localhost:${process.env['PORT'] ?? 3000}`,
  });
}

// Next.js evaluates this module once for each of its bundles, and after each change.
const place = globalThis as { latchkey?: ReturnType<typeof open> };
place.latchkey ??= open();

export const latchkey: Latchkey<
  'user' | 'admin',
  never,
  Record<never, never>
> = await place.latchkey;
