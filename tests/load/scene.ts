import { createApi, goodPassword, signedInOf, type Api } from '../contract/api.ts';
import { createFolder, startProcess, type ServerProcess } from '../contract/server-process.ts';
import type { Person } from './prober.ts';

/** Servers on one database, and people who are signed in. */
export interface Scene extends AsyncDisposable {
  readonly servers: readonly ServerProcess[];
  readonly urls: readonly [string, ...string[]];
  readonly people: Person[];
  readonly api: Api;
  /** Signs the admin in, and gives an access token. */
  signInAdmin(): Promise<string>;
}

const admin = { email: 'admin@load.example', password: 'the admin of the load tests' };
const crowd = 100;

/**
 * Starts servers as they would be run: limits on, everything logged. Only whom they
 * believe about addresses is widened to this machine, and hashes are cheap but where they matter.
 *
 * @param variables what differs
 */
export async function startScene({
  processes = 1,
  variables = {},
}: {
  readonly processes?: number;
  readonly variables?: Readonly<Record<string, string>>;
} = {}): Promise<Scene> {
  const folder = await createFolder();
  const started = Array.from({ length: processes }, () =>
    startProcess({
      DATABASE_URL: `file:${folder.path}/a.db`,
      LATCHKEY_TRUSTED_PROXIES: '127.0.0.0/8',
      LATCHKEY_URL: 'http://localhost:4000',
      LATCHKEY_ADMIN_EMAIL: admin.email,
      LATCHKEY_ADMIN_PASSWORD: admin.password,
      ...variables,
    }),
  );
  const [url = '', ...others] = await Promise.all(started.map(({ ready }) => ready));
  const api = createApi(url);
  const people: Person[] = [];
  for (let index = 0; index < crowd; index += 1) {
    const ip = `203.0.${113 + (index >> 7)}.${index & 127}`;
    const input = { email: `person-${index}@load.example`, password: goodPassword };
    const headers = { 'x-forwarded-for': ip };
    const answer = await api.mutate('auth.register', { input, headers });
    const { accessToken, refreshToken } = signedInOf(answer);
    people.push({ accessToken, refreshToken, ip });
  }
  return {
    servers: started,
    urls: [url, ...others],
    people,
    api,
    signInAdmin: async () =>
      signedInOf(await api.mutate('auth.login', { input: admin })).accessToken,
    async [Symbol.asyncDispose]() {
      await Promise.all(started.map((each) => each[Symbol.asyncDispose]()));
      await folder[Symbol.asyncDispose]();
    },
  };
}
