/** What runs in a browser: of the server it knows a type, and nothing of Node. */
import { createClient, memoryStorage, reasonOf, type Reason } from 'latchkey/client';
import type { AppRouter } from './server.ts';

export interface Visit {
  readonly role: 'user' | 'admin' | 'editor' | 'reader';
  readonly notes: number;
  readonly refusal: Reason | null;
}

/** Registers, reads the own notes and is refused to write one. */
export async function visit(url: string): Promise<Visit> {
  using client = createClient<AppRouter>({ url, storage: memoryStorage() });
  const user = await client.signUp({
    email: 'stranger@example.com',
    password: 'a long enough pass phrase',
  });
  const { notes } = await client.trpc.notes.mine.query();
  const refused = await client.trpc.notes.write.mutate().then(
    () => null,
    (error: unknown) => reasonOf(error),
  );
  // @ts-expect-error -- there is no such procedure
  void client.trpc.notes.yours;
  // @ts-expect-error -- a number is no password
  void (() => client.signIn({ email: user.email, password: 1 }));
  await client.signOut();
  return { role: user.role, notes: notes.length, refusal: refused };
}
