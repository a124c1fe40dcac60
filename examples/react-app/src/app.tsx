import { useMutation, useQuery } from '@tanstack/react-query';
import { EntryForm } from './entry-form.tsx';
import { RequireRole, SignedIn, SignedOut, useLatchkey, useSession, useTRPC } from './latchkey.ts';
import { NameForm } from './name-form.tsx';
import { Sessions } from './sessions.tsx';

export function App() {
  return (
    <main>
      <SignedOut>
        <WhyOut />
        <EntryForm />
      </SignedOut>
      <SignedIn>
        {(user) => (
          <>
            <header>
              <p>
                {user.email}, {user.role}
              </p>
              <SignOut />
            </header>
            <Greeting />
            <NameForm />
            <RequireRole role="editor" fallback={<p>Drafts are for editors.</p>}>
              <Drafts />
            </RequireRole>
            <Sessions />
          </>
        )}
      </SignedIn>
    </main>
  );
}

/** Somebody whose session ended elsewhere wants to know. */
function WhyOut() {
  const { reason } = useSession();
  return reason && <p role="status">Your session has ended. Sign in again.</p>;
}

function SignOut() {
  const { signOut } = useLatchkey();
  const leaving = useMutation({ mutationFn: signOut });
  return <button onClick={() => leaving.mutate()}>Sign out</button>;
}

function Greeting() {
  const { data } = useQuery(useTRPC().greeting.queryOptions());
  return <h1>{data ?? '…'}</h1>;
}

function Drafts() {
  const { data } = useQuery(useTRPC().drafts.queryOptions());
  return (
    <section>
      <h2>Drafts</h2>
      <ul>
        {data?.map((draft) => (
          <li key={draft}>{draft}</li>
        ))}
      </ul>
    </section>
  );
}
