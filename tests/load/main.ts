/**
 * What people who are signed in meet while something is done to the server, each with its promise.
 *
 * Usage: npm run test:load [-- SCENARIO…], on a machine that does nothing else; `--quick` tries in
 * seconds that all of it runs, and its figures mean nothing. Fails where a promise is not kept.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pass } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { goodPassword, login, register, valueOf } from '../contract/api.ts';
import { openConnection, requestOf, type Connection } from './connection.ts';
import type { FloodOrder, FloodReport } from './flooder.ts';
import { describe, percentilesOf } from './percentiles.ts';
import { probe, probed, type Probe } from './prober.ts';
import { startScene, type Scene } from './scene.ts';
import type { Holdings } from './watch.ts';

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const { quick } = values;

/** What was found, and whether it is what was promised. */
type Verdict = readonly [promise: string, isKept: boolean];

const scenarios: Readonly<Record<string, () => Promise<readonly Verdict[]>>> = {
  flood,
  connections,
  rotation,
  soak,
};

const chosen = positionals.length > 0 ? positionals : Object.keys(scenarios);
for (const name of chosen) {
  const scenario = scenarios[name];
  if (!scenario) {
    const known = Object.keys(scenarios).join(', ');
    process.stderr.write(`There is no scenario "${name}". Choose of: ${known}.\n`);
    process.exit(1);
  }
  process.stdout.write(`\n${name}\n`);
  for (const [promise, isKept] of await scenario()) {
    process.stdout.write(`  ${isKept ? 'kept  ' : 'BROKEN'} ${promise}\n`);
    // In a quick run the figures mean nothing, so that only a crash can fail it.
    if (!isKept && !quick) process.exitCode = 1;
  }
}

/** Sign-ins without a pause, on 200 connections from 200 addresses, beside people who are signed in. */
async function flood(): Promise<readonly Verdict[]> {
  await using scene = await startScene({ variables: { LATCHKEY_BCRYPT_COST: '12' } });
  const [url] = scene.urls;
  await probe(url, scene.people, { seconds: quick ? 0.2 : 5 });
  const before = await show('before', scene, quick ? 0.5 : 30);
  const flooder = fork(fileURLToPath(new URL('flooder.ts', import.meta.url)));
  const reported = once(flooder, 'message') as Promise<[FloodReport]>;
  const seconds = quick ? 1 : 60;
  flooder.send({ url, connections: 200, seconds: seconds + 2 } satisfies FloodOrder);
  await pass(1_000);
  const flooded = await show('flooded', scene, seconds);
  const [{ statuses, refused, tried }] = await reported;
  print(
    `the flood: ${JSON.stringify(statuses)}; refused: ${describe(refused)}; tried: ${describe(tried)}`,
  );
  const others = othersThan(statuses, ['401', '429', '503']);
  const after = await show('after', scene, quick ? 0.5 : 30);
  return [
    ...probed.flatMap((path): Verdict[] => {
      // What else the machine does meanwhile is in both: a quiet half minute before, and one after.
      const quiet = percentilesOf([...before.samples[path], ...after.samples[path]]).p99;
      const meanwhile = percentilesOf(flooded.samples[path]).p99;
      return [
        [`${path}: p99 ${meanwhile.toFixed(1)} ms, of 50 at most`, meanwhile <= 50],
        [
          `${path}: p99 ${(meanwhile / quiet).toFixed(1)} times its quiet self (${quiet.toFixed(1)} ms), of twice at most`,
          meanwhile <= 2 * quiet,
        ],
      ];
    }),
    [`refused in ${refused.max.toFixed(0)} ms at most, of 1,000`, refused.max < 1_000],
    [`answers other than 401, 429 and 503: ${others}`, others === 0],
    allAnswered(flooded),
  ];
}

/** Connections that are open and say nothing, or half of something, beside people who are signed in. */
async function connections(): Promise<readonly Verdict[]> {
  await using scene = await startScene();
  const [url] = scene.urls;
  const wanted = quick ? 500 : 10_000;
  await show('before', scene, quick ? 0.5 : 10);
  const open: Connection[] = [];
  while (open.length < wanted) {
    const group = await Promise.all(Array.from({ length: 100 }, () => openConnection(url)));
    // Once served it is kept for half a minute; one that never said anything is closed sooner.
    await Promise.all(group.map((connection) => connection.send(requestOf('user.me'))));
    for (const connection of group.slice(50)) connection.write('GET /trpc/us');
    open.push(...group);
    if (open.length % 2_500 === 0) print(`${open.length} connections are open`);
  }
  const meanwhile = await show('meanwhile', scene, quick ? 0.5 : 6);
  const left = open.filter((connection) => connection.isOpen()).length;
  for (const connection of open) connection[Symbol.dispose]();
  return [
    [`${left} connections were open to the end, of ${wanted}`, left === wanted],
    ...probed.map((path): Verdict => {
      const { p99 } = percentilesOf(meanwhile.samples[path]);
      return [`${path}: p99 ${p99.toFixed(1)} ms, of 250 at most`, p99 < 250];
    }),
    allAnswered(meanwhile),
  ];
}

/** Three rotations of the keys in five minutes, on two processes that learn of them by their database. */
async function rotation(): Promise<readonly Verdict[]> {
  await using scene = await startScene({ processes: 2 });
  const seconds = quick ? 2 : 300;
  const half = scene.people.length / 2;
  const crowds = [scene.people.slice(0, half), scene.people.slice(half)];
  const probes = scene.urls.map((url, index) => probe(url, crowds[index] ?? [], { seconds }));
  for (let turn = 1; turn <= 3; turn += 1) {
    await pass((seconds * 1_000) / 4);
    const token = await scene.signInAdmin();
    const rotated = await scene.api.mutate('admin.rotateKeys', { token });
    print(`rotation ${turn}: ${rotated.text}`);
  }
  const answered = await Promise.all(probes);
  for (const each of answered) print(summaryOf(each));
  return answered.map(allAnswered);
}

/** What an hour brings at a hundred calls a second, ten times as fast, and what the server holds meanwhile. */
async function soak(): Promise<readonly Verdict[]> {
  const watch = fileURLToPath(new URL('watch.ts', import.meta.url));
  await using scene = await startScene({
    variables: { NODE_OPTIONS: `--expose-gc --import ${watch}`, LATCHKEY_RATE_LIMITS: 'off' },
  });
  const [url] = scene.urls;
  const parts = quick ? 3 : 12;
  const seconds = quick ? 0.5 : 30;
  const held: Holdings[] = [];
  let failed = 0;
  for (let part = 1; part <= parts; part += 1) {
    let isOver = false;
    const lives = liveLives(scene, () => isOver);
    const answered = await probe(url, scene.people, { seconds, everyMs: 1 });
    isOver = true;
    print(`${part} of ${parts}: ${await lives} lives; ${summaryOf(answered)}`);
    failed += othersThan(answered.statuses, ['200']);
    const holdings = await askHoldings(scene);
    held.push(holdings);
    print(`        ${JSON.stringify(holdings)}`);
  }
  // The first parts fill caches of fixed sizes.
  const [from, to] = [held[Math.floor(parts / 3)], held.at(-1)];
  if (!from || !to) throw new Error('Nothing was measured.');
  const handles = (each: Holdings) => Object.values(each.resources).reduce((a, b) => a + b, 0);
  return [
    [`calls not answered with 200: ${failed}`, failed === 0],
    [
      `heap ${from.heap.toFixed(1)} → ${to.heap.toFixed(1)} MiB, 10 % more at most`,
      to.heap <= from.heap * 1.1,
    ],
    [
      `process ${from.rss.toFixed(0)} → ${to.rss.toFixed(0)} MiB, 10 % more at most`,
      to.rss <= from.rss * 1.1,
    ],
    [`open files ${from.files} → ${to.files}`, to.files <= from.files + 2],
    [`handles and timers ${handles(from)} → ${handles(to)}`, handles(to) <= handles(from) + 2],
  ];
}

/** People who register, look around, sign in elsewhere and leave, one after the other. */
async function liveLives({ api }: Scene, isOver: () => boolean): Promise<number> {
  let lives = 0;
  while (!isOver()) {
    const { user, accessToken: token } = await register(api);
    const elsewhere = await login(api, user.email);
    valueOf(await api.query('session.list', { token }));
    valueOf(await api.mutate('auth.logout', { input: { refreshToken: elsewhere.refreshToken } }));
    valueOf(await api.mutate('user.delete', { token, input: { password: goodPassword } }));
    lives += 1;
  }
  return lives;
}

async function askHoldings({ servers: [server] }: Scene): Promise<Holdings> {
  if (!server) throw new Error('There is no server.');
  const before = server.stderr().length;
  server.kill('SIGWINCH');
  while (!server.stderr().slice(before).includes('\n')) await pass(20);
  const [, json = ''] = /holdings (.*)/.exec(server.stderr().slice(before)) ?? [];
  return JSON.parse(json) as Holdings; // As watch.ts writes it.
}

async function show(name: string, { urls, people }: Scene, seconds: number): Promise<Probe> {
  const answered = await probe(urls[0], people, { seconds });
  print(`${name.padEnd(10)} ${summaryOf(answered)}`);
  return answered;
}

function summaryOf({ samples, statuses }: Probe): string {
  const calls = probed.map((path) => `${path}: ${describe(percentilesOf(samples[path]))}`);
  return [...calls, JSON.stringify(statuses)].join('; ');
}

function allAnswered({ statuses }: Probe): Verdict {
  const others = othersThan(statuses, ['200']);
  return [`calls of people who are signed in not answered with 200: ${others}`, others === 0];
}

function othersThan(statuses: Probe['statuses'], expected: readonly string[]): number {
  return Object.entries(statuses)
    .filter(([status]) => !expected.includes(status))
    .reduce((sum, [, count]) => sum + count, 0);
}

function print(line: string): void {
  process.stdout.write(`  ${line}\n`);
}
