import { join } from 'node:path';
import { createApi, type Api } from '../contract/api.ts';
import { createFolder, startProcess } from '../contract/server-process.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';

/** One database, and every way to call the servers on it. */
export interface Servers extends AsyncDisposable {
  /** One for each process. */
  readonly apis: readonly [Api, ...Api[]];
}

/** The account of every server of these tests. */
export const admin = {
  email: 'admin@wire.example',
  password: 'the admin of the fault tests',
} as const;

/** What a process of these tests runs with, beside its database. */
export const variables = {
  LATCHKEY_RATE_LIMITS: 'off',
  LATCHKEY_LOG_LEVEL: 'silent',
  LATCHKEY_URL: 'http://localhost:4000',
  LATCHKEY_ADMIN_EMAIL: admin.email,
  LATCHKEY_ADMIN_PASSWORD: admin.password,
} as const;

/** A server in this process, on a file, called without a socket. */
export async function openOneProcess(): Promise<Servers> {
  const folder = await createFolder();
  const t = await createTestLatchkey({ database: `file:${join(folder.path, 'a.db')}` });
  const { latchkey } = t;
  await latchkey.createUser({
    email: admin.email,
    role: 'admin',
    secret: { password: admin.password },
  });
  const handle = latchkey.fetchHandler();
  return {
    apis: [createApi('http://localhost:4000', (url, init) => handle(new Request(url, init)))],
    async [Symbol.asyncDispose]() {
      await t.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Two real processes that start at once on a file that is not there yet. */
export async function openTwoProcesses(): Promise<Servers> {
  const folder = await createFolder();
  const environment = { ...variables, DATABASE_URL: `file:${join(folder.path, 'a.db')}` };
  const processes = [startProcess(environment), startProcess(environment)] as const;
  return {
    apis: [createApi(await processes[0].ready), createApi(await processes[1].ready)],
    async [Symbol.asyncDispose]() {
      await Promise.all(processes.map((each) => each[Symbol.asyncDispose]()));
      await folder[Symbol.asyncDispose]();
    },
  };
}
