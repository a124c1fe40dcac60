import { createClient, reasonOf, refusalOf } from 'latchkey/client';
import { fileStorage } from 'latchkey/client/file';
import type { AppRouter } from 'latchkey/server';

/** A client whose session is kept in a file that its owner alone can read. */
function openClient(url: string) {
  return createClient<AppRouter>({
    url: `${url}/trpc`,
    storage: fileStorage('./data/session.json'),
  });
}

/** A day in the life of a client. */
export async function tryClient(url: string, email: string): Promise<void> {
  const password = 'correct horse battery';
  const client = openClient(url);

  // A refusal says why, in words that the compiler knows.
  const weak = await client.signUp({ email, password: 'password1234' }).catch(refusalOf);
  if (weak && 'reason' in weak) console.log(`Refused: ${weak.reason}, ${weak.detail}`);

  const user = await client.signUp({ email, password });
  console.log(`Signed up: ${user.email}, ${user.role}`);

  // The access token is attached, and renewed ahead of its end, once for all calls.
  const [me, sessions] = await Promise.all([
    client.trpc.user.me.query(),
    client.trpc.session.list.query(),
  ]);
  console.log(`Called: ${me.email} is signed in at ${sessions.length} place`);

  try {
    await client.trpc.admin.listUsers.query();
  } catch (error) {
    console.log(`Refused: ${reasonOf(error)}`);
  }
  client.close();

  // The next start of the program: what is in the file goes on.
  const later = openClient(url);
  await later.refresh();
  const { status } = later.state.getSnapshot();
  console.log(`Came back: ${status}`);
  await later.trpc.user.update.mutate({ name: 'Ada Lovelace' });
  console.log(`Called: the name is ${(await later.trpc.user.me.query()).name}`);

  await later.signOut();
  console.log(`Signed out: ${later.state.getSnapshot().status}`);
  const nobody = await later.trpc.user.me.query().catch(reasonOf);
  console.log(`Refused: ${String(nobody)}`);
  later.close();
}
