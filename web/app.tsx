import { reasonOf } from 'latchkey/client';
import { lazy, Suspense, useEffect, useState, type ReactElement, type ReactNode } from 'react';
import { SignedIn, SignedOut, useLatchkey, useSession } from './latchkey.ts';
import { useLocation } from './routing.ts';
import { linkLook } from './session/entrance.tsx';
import { SignIn } from './session/sign-in.tsx';
import { SignUp } from './session/sign-up.tsx';
import { useSettings } from './settings.ts';
import { texts } from './texts.ts';
import { CrashBoundary } from './ui/crash-boundary.tsx';
import { Notice } from './ui/notice.tsx';
import { Failed } from './ui/states.tsx';

// Who is not signed in does not load it.
const Pages = lazy(() => import('./pages.tsx').then((m) => ({ default: m.Pages })));

export function App(): ReactElement {
  const { path } = useLocation();
  return (
    <CrashBoundary>
      <Unknown />
      <SignedOut>{path === '/sign-up' ? <SignUp /> : <SignIn />}</SignedOut>
      <SignedIn>
        <Suspense>
          <Pages />
        </Suspense>
      </SignedIn>
    </CrashBoundary>
  );
}

/** While it is being asked who is signed in there is nothing to see, unless there is no answer. */
function Unknown(): ReactNode {
  const { status } = useSession();
  const { refresh } = useLatchkey();
  const [error, setError] = useState<unknown>(null);
  const isUnknown = status === 'loading';
  function ask(): void {
    setError(null);
    refresh().catch(setError);
  }
  useEffect(() => {
    if (isUnknown) refresh().catch(setError);
  }, [isUnknown, refresh]);
  if (!isUnknown || error === null) return null;
  return (
    <main className="flex min-h-dvh items-center justify-center p-4">
      {reasonOf(error) === 'forbidden' ? <WrongPlace /> : <Failed error={error} onRetry={ask} />}
    </main>
  );
}

/** The server takes cookies from the pages of its own address alone. */
function WrongPlace(): ReactElement {
  const { url } = useSettings();
  return (
    <Notice kind="problem">
      {texts.wrongPlace}{' '}
      <a className={linkLook} href={url}>
        {url}
      </a>
    </Notice>
  );
}
