import { lazy, Suspense, useEffect, type ReactElement, type ReactNode } from 'react';
import { RequireRole, useUser } from './latchkey.ts';
import { hrefOf, navigate, useLocation } from './routing.ts';
import { Shell } from './shell.tsx';
import { texts } from './texts.ts';
import { buttonLook } from './ui/button.tsx';
import { CrashBoundary } from './ui/crash-boundary.tsx';
import { Page } from './ui/page.tsx';
import { Skeleton } from './ui/states.tsx';
import { Toasts } from './ui/toasts.tsx';

// Each page is loaded when it is first opened; administrators' pages by nobody else.
const Profile = lazy(() => import('./account/profile.tsx').then((m) => ({ default: m.Profile })));
const Password = lazy(() =>
  import('./account/password.tsx').then((m) => ({ default: m.Password })),
);
const Sessions = lazy(() =>
  import('./account/sessions.tsx').then((m) => ({ default: m.Sessions })),
);
const Overview = lazy(() => import('./admin/overview.tsx').then((m) => ({ default: m.Overview })));
const Users = lazy(() => import('./admin/users.tsx').then((m) => ({ default: m.Users })));
const UserPage = lazy(() => import('./admin/user.tsx').then((m) => ({ default: m.UserPage })));
const Audit = lazy(() => import('./admin/audit.tsx').then((m) => ({ default: m.Audit })));
const Keys = lazy(() => import('./admin/keys.tsx').then((m) => ({ default: m.Keys })));

/** All that somebody sees who is signed in. */
export function Pages(): ReactElement {
  const { path } = useLocation();
  return (
    <Toasts>
      <Shell>
        <CrashBoundary key={path}>
          <Suspense fallback={<Skeleton />}>
            <CurrentPage path={path} />
          </Suspense>
        </CrashBoundary>
      </Shell>
    </Toasts>
  );
}

function CurrentPage({ path }: { readonly path: string }): ReactNode {
  const home = useUser()?.role === 'admin' ? '/overview' : '/profile';
  const isNowhere = path === '/' || path === '/sign-in' || path === '/sign-up';
  useEffect(() => {
    if (isNowhere) navigate(hrefOf(home), { replace: true });
  }, [isNowhere, home]);
  if (isNowhere) return null;
  switch (path) {
    case '/profile':
      return <Profile />;
    case '/password':
      return <Password />;
    case '/sessions':
      return <Sessions />;
    default:
      return (
        <RequireRole role="admin" fallback={<Forbidden />}>
          <AdminPage path={path} />
        </RequireRole>
      );
  }
}

function AdminPage({ path }: { readonly path: string }): ReactElement {
  const [, userId] = /^\/users\/([\w-]+)$/.exec(path) ?? [];
  if (userId !== undefined) return <UserPage key={userId} userId={userId} />;
  switch (path) {
    case '/overview':
      return <Overview />;
    case '/users':
      return <Users />;
    case '/audit':
      return <Audit />;
    case '/keys':
      return <Keys />;
    default:
      return <NotFound />;
  }
}

function Forbidden(): ReactElement {
  return (
    <Page title={texts.forbidden.title} description={texts.forbidden.text}>
      <ToTheStart />
    </Page>
  );
}

function NotFound(): ReactElement {
  return (
    <Page title={texts.notFound.title} description={texts.notFound.text}>
      <ToTheStart />
    </Page>
  );
}

function ToTheStart(): ReactElement {
  return (
    <p>
      <a className={buttonLook()} href={hrefOf('/')}>
        {texts.notFound.home}
      </a>
    </p>
  );
}
