import { appRouter } from '../../../server/app-router.ts';
import { latchkey } from '../../../server/latchkey.ts';

const handler = latchkey.fetchHandler({
  router: appRouter,
  createContext: latchkey.createContext,
});

export { handler as GET, handler as POST };
