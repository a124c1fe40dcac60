/**
 * Measures whether the time of a refused sign-in tells who has an account (L-02, L-03, L-05):
 * known users with a wrong password against unknown, disabled and imported ones, whose hash
 * is cheaper. Printed is the area under the ROC curve (AUC): how often a sample of one class
 * is slower than one of the other. 0.5 tells nothing, 0.40 to 0.60 is wanted.
 *
 * Usage: npm run measure:timing, on a machine that does nothing else.
 */
import { join } from 'node:path';
import {
  createApi,
  goodPassword,
  register,
  signedInOf,
  valueOf,
  type Api,
} from '../contract/api.ts';
import { createFolder, startProcess } from '../contract/server-process.ts';
import { runSql } from '../kit/run-sql.ts';

const samplesPerClass = 300;
const runs = 3;
const wanted = { least: 0.4, most: 0.6 };
const wrong = 'a wrong guess of it';

const admin = { email: 'admin@timing.example', password: 'the admin of the measurements' };
const classes = [
  'known',
  'unknown',
  'disabled',
  'imported',
  'known, 1,000 bytes',
  'unknown, 1,000 bytes',
] as const;
type Class = (typeof classes)[number];

/** What each class is asked with. */
async function createAccounts(api: Api, path: string): Promise<Record<Class, object>> {
  const [known, disabled, imported] = [
    await register(api),
    await register(api),
    await register(api),
  ];
  const { accessToken: token } = signedInOf(await api.mutate('auth.login', { input: admin }));
  valueOf(await api.mutate('admin.disableUser', { token, input: { userId: disabled.user.id } }));
  const hash = '$2b$04$abcdefghijklmnopqrstuuZ1h0MxLkKlqbHbG3mYTNKLmZUZmoJqG';
  await runSql(
    path,
    `UPDATE users SET password_hash = '${hash}' WHERE id = '${imported.user.id}' RETURNING id`,
  );
  const unknown = 'nobody@timing.example';
  const long = 'x'.repeat(1_000);
  return {
    known: { email: known.user.email, password: wrong },
    unknown: { email: unknown, password: wrong },
    // With the right one: this is what must not show.
    disabled: { email: disabled.user.email, password: goodPassword },
    imported: { email: imported.user.email, password: wrong },
    'known, 1,000 bytes': { email: known.user.email, password: long },
    'unknown, 1,000 bytes': { email: unknown, password: long },
  };
}

async function timeOf(api: Api, input: object): Promise<number> {
  const startedAt = performance.now();
  const { status } = await api.mutate('auth.login', { input });
  const ms = performance.now() - startedAt;
  if (status !== 401) throw new Error(`A sign-in answered ${status}.`);
  return ms;
}

/** The probability that a sample of `b` is slower than one of `a`. */
function aucOf(a: readonly number[], b: readonly number[]): number {
  let slower = 0;
  for (const x of a) for (const y of b) slower += y > x ? 1 : y === x ? 0.5 : 0;
  return slower / (a.length * b.length);
}

function medianOf(samples: readonly number[]): number {
  return samples.toSorted((x, y) => x - y)[Math.floor(samples.length / 2)] ?? Number.NaN;
}

async function measure(
  api: Api,
  accounts: Record<Class, object>,
): Promise<Record<Class, number[]>> {
  const samples = Object.fromEntries(classes.map((name) => [name, [] as number[]])) as Record<
    Class,
    number[]
  >;
  for (let round = 0; round < samplesPerClass; round += 1) {
    // Interleaved, and beginning with another each time, so that nothing that drifts favours one.
    for (let turn = 0; turn < classes.length; turn += 1) {
      const name = classes[(round + turn) % classes.length] ?? 'known';
      samples[name].push(await timeOf(api, accounts[name]));
    }
  }
  return samples;
}

await using folder = await createFolder();
const path = join(folder.path, 'a.db');
await using server = startProcess({
  DATABASE_URL: `file:${path}`,
  LATCHKEY_BCRYPT_COST: '10',
  LATCHKEY_RATE_LIMITS: 'off',
  LATCHKEY_LOG_LEVEL: 'silent',
  LATCHKEY_ADMIN_EMAIL: admin.email,
  LATCHKEY_ADMIN_PASSWORD: admin.password,
});
const api = createApi(await server.ready);
const accounts = await createAccounts(api, path);
for (const name of classes) for (let n = 0; n < 5; n += 1) await timeOf(api, accounts[name]);

let outside = 0;
for (let run = 1; run <= runs; run += 1) {
  const samples = await measure(api, accounts);
  process.stdout.write(
    `run ${run}: ${samplesPerClass} samples a class, known ${medianOf(samples.known).toFixed(2)} ms\n`,
  );
  for (const name of classes.slice(1)) {
    const against = name === 'unknown, 1,000 bytes' ? 'known, 1,000 bytes' : 'known';
    const auc = aucOf(samples[against], samples[name]);
    const isInside = auc >= wanted.least && auc <= wanted.most;
    if (!isInside) outside += 1;
    process.stdout.write(
      `  ${against} and ${name}: median ${medianOf(samples[name]).toFixed(2)} ms, AUC ${auc.toFixed(3)}${isInside ? '' : ', outside of 0.40 to 0.60'}\n`,
    );
  }
}
process.exitCode = outside === 0 ? 0 : 1;
