import type { DehydratedState } from '@tanstack/react-query';
import type { UserOf } from '../../../client/index.ts';
import type { HostRouter } from './router.ts';

/** What the server tells the page: how to keep a session, and what it has rendered with. */
export type PageData =
  | { readonly mode: 'bearer' }
  | {
      readonly mode: 'cookie';
      readonly initialUser?: UserOf<HostRouter> | null | undefined;
      readonly queries?: DehydratedState;
    };
