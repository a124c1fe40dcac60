'use client';

import { createLatchkeyReact } from 'latchkey/react';
import type { AppRouter } from '../server/app-router.ts';

export const { LatchkeyProvider, useLatchkey, useTRPC, SignedIn, SignedOut } =
  createLatchkeyReact<AppRouter>();
