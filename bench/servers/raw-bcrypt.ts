import { hash, verify } from '@node-rs/bcrypt';
import { reportReady } from './child.ts';

// bcrypt alone: verifications one after the other, of what Latchkey hashes (44 characters).
const password = 'n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=';
const stored = await hash(password, { cost: Number(process.argv[2]) });

reportReady(null, async (operations) => {
  for (let done = 0; done < operations; done += 1) {
    if (!(await verify(password, stored))) throw new Error('bcrypt refused its own hash.');
  }
});
