import { headers } from 'next/headers';
import { cache } from 'react';
import { latchkey } from './latchkey.ts';

/** Who asks for the page: read once for each request, and the cookie is not spent by it. */
export const getVisitor = cache(async () => latchkey.readVisitor(await headers()));
