import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { createApi, signedInOf } from '../contract/api.ts';
import { createFolder, startProcess, type ServerProcess } from '../contract/server-process.ts';
import { mode } from '../kit/mode.ts';
import { print } from '../kit/print.ts';
import {
  act,
  beginAnew,
  createPerson,
  findLoss,
  revocations,
  type Calls,
  type Person,
} from './people.ts';
import { admin, variables } from './servers.ts';
import { createDice, percentile, roundsOf, startTrials, timeoutFor, type Dice } from './trials.ts';

const kills = roundsOf(500, 2);
const peopleAtOnce = 8;
/** So many tokens and passwords of each person are looked at again after further kills. */
const deadKept = 8;

/**
 * Everybody acts at once until so many acknowledgements have come. There the process is
 * killed, or at the next acknowledgement of a revocation.
 */
async function actUntilKilled(
  server: ServerProcess,
  people: readonly Person[],
  { calls, dice, atRevocation }: { calls: Calls; dice: Dice; atRevocation: boolean },
): Promise<void> {
  let acknowledgementsLeft = 30 + dice.roll(100);
  let isKilled = false;
  await Promise.all(
    people.map(async (person) => {
      while (!isKilled) {
        try {
          const done = await act(person, calls, dice);
          acknowledgementsLeft -= 1;
          if (isKilled || acknowledgementsLeft > 0) continue;
          if (atRevocation && !revocations.has(done)) continue;
          isKilled = true;
          server.kill('SIGKILL');
        } catch (error) {
          if (isKilled && error instanceof TypeError) return; // What fetch throws when nobody answers.
          throw error;
        }
      }
    }),
  );
  expect(await server.ended).toMatchObject({ signal: 'SIGKILL' });
}

async function callsTo(server: ServerProcess): Promise<Calls> {
  const api = createApi(await server.ready);
  const { accessToken } = signedInOf(await api.mutate('auth.login', { input: admin }));
  return { api, adminToken: accessToken };
}

function findDamage(path: string): string | null {
  // The files of PostgreSQL are its own affair.
  if (mode.database !== null) return null;
  const database = new Database(path, { readonly: true });
  try {
    const integrity = String(database.pragma('integrity_check', { simple: true }));
    const strays = database.prepare('PRAGMA foreign_key_check').all().length;
    if (integrity !== 'ok') return integrity;
    return strays === 0 ? null : `${strays} rows refer to nothing`;
  } finally {
    database.close();
  }
}

const options = { timeout: timeoutFor(20 * kills) };

test('kill -9 loses nothing acknowledged, and brings nothing revoked back', options, async () => {
  await using folder = await createFolder();
  const path = join(folder.path, 'a.db');
  const start = () =>
    // Long enough for a lost answer to be asked for again after the start.
    startProcess({ ...variables, DATABASE_URL: `file:${path}`, LATCHKEY_REFRESH_GRACE: '60' });
  using trials = startTrials('kill -9 under mixed writes', true);
  const dice = createDice();
  const people = Array.from({ length: peopleAtOnce }, createPerson);
  const startsMs: number[] = [];
  let server = start();
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      const atRevocation = kill % 2 === 0;
      await actUntilKilled(server, people, { calls: await callsTo(server), dice, atRevocation });
      const killedAt = performance.now();
      server = start();
      await server.ready;
      startsMs.push(performance.now() - killedAt);
      const calls = await callsTo(server);
      const losses = await Promise.all(people.map((person) => findLoss(person, calls)));
      trials.count(losses.find((loss) => loss !== null) ?? findDamage(path));
      for (const person of people) {
        // Nobody knows how it ended.
        if (person.underWay !== null) beginAnew(person);
        for (const dead of Object.values(person.dead)) dead.splice(0, dead.length - deadKept);
      }
    }
  } finally {
    await server[Symbol.asyncDispose]();
  }
  const [median, slowest] = [50, 100].map((percent) => percentile(startsMs, percent).toFixed(0));
  print(`Ready after a kill: half of the starts within ${median} ms, all within ${slowest} ms`);
  expect(trials.failures).toEqual([]);
});
