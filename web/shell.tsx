import { Dialog } from '@base-ui/react/dialog';
import {
  Activity,
  BookOpen,
  KeyRound,
  LockKeyhole,
  LogOut,
  Menu,
  MonitorSmartphone,
  ScrollText,
  UserRound,
  UsersRound,
  X,
  type LucideIcon,
} from 'lucide-react';
import { useEffect, useRef, useState, type ReactElement, type ReactNode } from 'react';
import { RequireRole, useLatchkey, useUser } from './latchkey.ts';
import { hrefOf, useLocation } from './routing.ts';
import { useSettings } from './settings.ts';
import { texts } from './texts.ts';
import { Brand } from './ui/brand.tsx';
import { Button } from './ui/button.tsx';
import { DialogVeil } from './ui/confirm-dialog.tsx';
import { ThemeChoice } from './ui/theme-choice.tsx';
import { useAnnounce } from './ui/toasts.tsx';

/** What is around every page of somebody who is signed in. */
export function Shell({ children }: { readonly children: ReactNode }): ReactElement {
  const main = useRef<HTMLElement>(null);
  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[15rem_1fr]">
      <a
        className="skip-link"
        href="#main"
        onClick={(event) => {
          // What is behind the # names a page here.
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {texts.skipToContent}
      </a>
      <aside className="sticky top-0 hidden h-dvh flex-col border-r border-line bg-surface lg:flex">
        <Sidebar />
      </aside>
      <header className="sticky top-0 z-20 flex items-center justify-between border-b border-line bg-surface px-4 py-2.5 lg:hidden">
        <Brand />
        <Drawer />
      </header>
      <main
        id="main"
        ref={main}
        tabIndex={-1}
        className="min-w-0 px-4 py-6 outline-none sm:px-6 lg:px-10 lg:py-10"
      >
        {children}
      </main>
    </div>
  );
}

/** The sidebar of narrow windows, which closes when it has led somewhere. */
function Drawer(): ReactElement {
  const [isOpen, setIsOpen] = useState(false);
  const { path } = useLocation();
  useEffect(() => setIsOpen(false), [path]);
  return (
    <Dialog.Root open={isOpen} onOpenChange={setIsOpen}>
      <Dialog.Trigger
        render={
          <Button look="quiet" size="icon" aria-label={texts.navigation.open}>
            <Menu aria-hidden />
          </Button>
        }
      />
      <Dialog.Portal>
        <DialogVeil as={Dialog.Backdrop} />
        <Dialog.Popup className="fixed inset-y-0 left-0 z-40 flex w-72 max-w-[85vw] flex-col border-r border-line bg-surface shadow-float transition duration-200 data-ending-style:-translate-x-full data-starting-style:-translate-x-full">
          <Dialog.Title className="sr-only">{texts.navigation.label}</Dialog.Title>
          <Dialog.Close
            className="absolute top-3.5 right-3 rounded-lg p-2 text-muted hover:bg-hover hover:text-ink"
            aria-label={texts.close}
          >
            <X aria-hidden className="size-4" />
          </Dialog.Close>
          <Sidebar />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Sidebar(): ReactElement {
  const { navigation } = texts;
  const { apiPage } = useSettings();
  return (
    <>
      <div className="px-5 pt-5 pb-3">
        <Brand />
      </div>
      <nav
        aria-label={navigation.label}
        className="flex flex-1 flex-col gap-6 overflow-y-auto px-3 py-2"
      >
        <RequireRole role="admin">
          <Section title={navigation.administration}>
            <Item path="/overview" name={navigation.overview} icon={Activity} />
            <Item path="/users" name={navigation.users} icon={UsersRound} />
            <Item path="/audit" name={navigation.audit} icon={ScrollText} />
            <Item path="/keys" name={navigation.keys} icon={KeyRound} />
          </Section>
        </RequireRole>
        <Section title={navigation.account}>
          <Item path="/profile" name={navigation.profile} icon={UserRound} />
          <Item path="/sessions" name={navigation.sessions} icon={MonitorSmartphone} />
          <Item path="/password" name={navigation.password} icon={LockKeyhole} />
        </Section>
      </nav>
      {apiPage && (
        <p className="px-3 pb-3">
          <a
            href="/docs"
            className="flex items-center gap-2.5 rounded-lg px-2.5 py-1.5 text-muted transition-colors hover:bg-hover hover:text-ink"
          >
            <BookOpen aria-hidden className="size-4 shrink-0" />
            {navigation.apiPage}
          </a>
        </p>
      )}
      <Person />
    </>
  );
}

function Section(props: { readonly title: string; readonly children: ReactNode }): ReactElement {
  return (
    <div>
      <h2 className="px-2.5 pb-1.5 text-xs font-medium text-muted">{props.title}</h2>
      <ul className="flex flex-col gap-0.5">{props.children}</ul>
    </div>
  );
}

function Item(props: {
  readonly path: string;
  readonly name: string;
  readonly icon: LucideIcon;
}): ReactElement {
  const { path, name, icon: Icon } = props;
  const location = useLocation();
  const isHere = location.path === path;
  const isAround = isHere || location.path.startsWith(`${path}/`);
  return (
    <li>
      <a
        href={hrefOf(path)}
        aria-current={isHere ? 'page' : isAround ? 'true' : undefined}
        className="flex items-center gap-2.5 rounded-lg px-2.5 py-1.5 text-muted transition-colors hover:bg-hover hover:text-ink aria-[current]:bg-hover aria-[current]:font-medium aria-[current]:text-ink"
      >
        <Icon aria-hidden className="size-4 shrink-0" />
        {name}
      </a>
    </li>
  );
}

function Person(): ReactElement {
  const user = useUser();
  const { signOut } = useLatchkey();
  const announce = useAnnounce();
  return (
    <div className="flex flex-col gap-3 border-t border-line p-4">
      <div className="min-w-0">
        <p className="text-xs text-muted">{texts.navigation.signedInAs}</p>
        <p className="truncate font-medium" title={user?.email}>
          {user?.email}
        </p>
      </div>
      <div className="flex items-center justify-between gap-2">
        <Button size="small" onClick={() => void signOut().catch(announce.problem)}>
          <LogOut aria-hidden />
          {texts.navigation.signOut}
        </Button>
        <ThemeChoice />
      </div>
    </div>
  );
}
