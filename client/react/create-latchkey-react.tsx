'use client';

import { QueryClientProvider, type QueryClient } from '@tanstack/react-query';
import type { AnyRouter } from '@trpc/server';
import { createTRPCContext } from '@trpc/tanstack-react-query';
import {
  createContext,
  Fragment,
  useContext,
  useSyncExternalStore,
  type ReactElement,
  type ReactNode,
} from 'react';
import type { SessionUser } from '../auth-result.ts';
import type { LatchkeyClient, UserOf } from '../create-client.ts';
import type { SessionSnapshot } from '../session.ts';
import { createSessionView, type SessionView } from './session-view.ts';

/** What may stand inside a guard: elements, or a function that makes them for the user. */
type ChildrenFor<TUser> = ReactNode | ((user: TUser) => ReactNode);

/** The roles of a router's users. */
export type RoleOf<TRouter extends AnyRouter> =
  UserOf<TRouter> extends { readonly role: infer TRole extends string } ? TRole : never;

export interface LatchkeyProviderProps<TRouter extends AnyRouter> {
  /** One for as long as the page lives; where a server renders, one for each request. */
  readonly client: LatchkeyClient<TRouter>;
  /** The same. Its cache belongs to whoever is signed in on `client`. */
  readonly queryClient: QueryClient;
  readonly children?: ReactNode;
}

export interface SignedInProps<TUser> {
  readonly children?: ChildrenFor<TUser>;
  /** For nobody; nothing by default. */
  readonly fallback?: ReactNode;
}

export interface RequireRoleProps<TUser, TRole extends string> extends SignedInProps<TUser> {
  /** Any of these; an admin has every role, as on the server. */
  readonly role: TRole | readonly TRole[];
}

/** The components and hooks of one router. */
export interface LatchkeyReact<TRouter extends AnyRouter> extends Pick<
  ReturnType<typeof createTRPCContext<TRouter>>,
  'useTRPC' | 'useTRPCClient'
> {
  /**
   * Stands around the application, in place of TanStack's and tRPC's own providers.
   *
   * When a user leaves, in whatever tab, all that was fetched is dropped and everything inside
   * begins anew, like a page that was just loaded.
   */
  readonly LatchkeyProvider: (props: LatchkeyProviderProps<TRouter>) => ReactElement;
  /** The client, to sign in and out with: `useMutation({ mutationFn: useLatchkey().signIn })`. */
  readonly useLatchkey: () => LatchkeyClient<TRouter>;
  /** Who is signed in, why not, or that it is not known yet. */
  readonly useSession: () => SessionSnapshot<UserOf<TRouter>>;
  /** The user; `null` for nobody, and for as long as it is not known. */
  readonly useUser: () => UserOf<TRouter> | null;
  /** Shows its children to a user; while it is not known who there is, nothing. */
  readonly SignedIn: (props: SignedInProps<UserOf<TRouter>>) => ReactNode;
  /** Shows its children to nobody; while it is not known who there is, nothing. */
  readonly SignedOut: (props: { readonly children?: ReactNode }) => ReactNode;
  /**
   * Shows its children to users of a role. It decides what is shown, and nothing else: what may
   * be done is for the server to decide.
   */
  readonly RequireRole: (props: RequireRoleProps<UserOf<TRouter>, RoleOf<TRouter>>) => ReactNode;
}

/**
 * Makes the components and hooks for one router, typed by it.
 *
 * @example
 * ```tsx
 * export const { LatchkeyProvider, useTRPC, useUser, SignedIn } = createLatchkeyReact<AppRouter>();
 * ```
 */
export function createLatchkeyReact<
  // Without a name nothing fits, so that forgetting it is not found out late.
  TRouter extends AnyRouter = never,
>(): LatchkeyReact<TRouter> {
  type User = UserOf<TRouter>;
  interface Place {
    readonly client: LatchkeyClient<TRouter>;
    readonly queryClient: QueryClient;
    readonly view: SessionView<User>;
  }
  const { TRPCProvider, useTRPC, useTRPCClient } = createTRPCContext<TRouter>();
  const PlaceContext = createContext<Place | null>(null);
  /** Outlives a first rendering that React throws away: what it fetched is in the cache. */
  const places = new WeakMap<LatchkeyClient<TRouter>, Place>();

  function placeOf(client: LatchkeyClient<TRouter>, queryClient: QueryClient): Place {
    let place = places.get(client);
    if (place?.queryClient !== queryClient) {
      place = { client, queryClient, view: createSessionView(client.state, queryClient) };
      places.set(client, place);
    }
    return place;
  }

  function usePlace(): Place {
    const place = useContext(PlaceContext);
    if (!place) throw new Error('There is no <LatchkeyProvider> around this component.');
    return place;
  }

  function LatchkeyProvider(props: LatchkeyProviderProps<TRouter>): ReactElement {
    const { client, queryClient, children } = props;
    const place = placeOf(client, queryClient);
    const era = useSyncExternalStore(place.view.subscribe, place.view.getEra, place.view.getEra);
    return (
      <PlaceContext.Provider value={place}>
        <QueryClientProvider client={queryClient}>
          <TRPCProvider trpcClient={client.trpc} queryClient={queryClient}>
            <Fragment key={era}>{children}</Fragment>
          </TRPCProvider>
        </QueryClientProvider>
      </PlaceContext.Provider>
    );
  }

  function useSession(): SessionSnapshot<User> {
    const { view } = usePlace();
    return useSyncExternalStore(view.subscribe, view.getSnapshot, view.getServerSnapshot);
  }

  function SignedIn({ children, fallback }: SignedInProps<User>): ReactNode {
    const { status, user } = useSession();
    if (status === 'signed-in') return show(children, user);
    return status === 'signed-out' ? fallback : null;
  }

  function SignedOut({ children }: { readonly children?: ReactNode }): ReactNode {
    return useSession().status === 'signed-out' ? children : null;
  }

  function RequireRole(props: RequireRoleProps<User, RoleOf<TRouter>>): ReactNode {
    const { role, children, fallback } = props;
    return (
      <SignedIn fallback={fallback}>
        {(user) => (hasRole(user, role) ? show(children, user) : fallback)}
      </SignedIn>
    );
  }

  return {
    LatchkeyProvider,
    useTRPC,
    useTRPCClient,
    useLatchkey: () => usePlace().client,
    useSession,
    useUser: () => useSession().user,
    SignedIn,
    SignedOut,
    RequireRole,
  };
}

function show<TUser>(children: ChildrenFor<TUser>, user: TUser): ReactNode {
  return typeof children === 'function' ? children(user) : children;
}

function hasRole(
  user: SessionUser & { readonly role?: unknown },
  role: string | readonly string[],
): boolean {
  return user.role === 'admin' || [role].flat().some((wanted) => wanted === user.role);
}
