/** Every entry of the package in one program, which ends with 0 when each did what it should. */
import { deepStrictEqual } from 'node:assert';
import { fileStorage } from 'latchkey/client/file';
import { loginInput } from 'latchkey/schemas';
import { createTestLatchkey } from 'latchkey/testing';
import { visit } from './client.ts';
import { latchkey, listen } from './server.ts';

const { url, close } = await listen();
deepStrictEqual(await visit(url), { role: 'user', notes: 1, refusal: 'forbidden' });
close();
await latchkey.close();

await using kit = await createTestLatchkey();
const admin = await kit.callerAs({ role: 'admin' });
deepStrictEqual((await admin.user.me()).role, 'admin');

deepStrictEqual(loginInput.safeParse({ email: 'nobody' }).success, false);
deepStrictEqual(await fileStorage('no-such-session.json').get(), null);
