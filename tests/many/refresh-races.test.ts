import { expect, test } from 'vitest';
import { auditPageOf, refresh, register, signedInOf, type SignedIn } from '../contract/api.ts';
import { roundsOf, startTrials, timeoutFor } from '../faults/trials.ts';
import { canRun, startProcesses } from './processes.ts';

const races = roundsOf(10_000, 100);
const peopleAtOnce = 10;

test.skipIf(!canRun)(
  'of one refresh token at three processes at once there is one successor, and nobody is signed out',
  { timeout: timeoutFor(races) },
  async () => {
    await using processes = await startProcesses();
    const { apis, adminToken } = processes;
    using trials = startTrials('One refresh token at three processes at once', false);
    let racesLeft = races;

    async function race(person: SignedIn): Promise<SignedIn> {
      let current = person;
      while (racesLeft > 0) {
        racesLeft -= 1;
        const presented = current.refreshToken;
        const answers = await Promise.all(apis.map((api) => refresh(api, presented)));
        const refused = answers.find(({ status }) => status !== 200);
        if (refused) {
          trials.count(`refused: ${refused.text}`);
          current = await register(apis[0]);
          continue;
        }
        const signedIn = answers.map(signedInOf);
        const successors = new Set(signedIn.map(({ refreshToken }) => refreshToken));
        const isRight = successors.size === 1 && !successors.has(presented);
        trials.count(isRight ? null : `${successors.size} successors`);
        current = signedIn[0] ?? current;
      }
      return current;
    }

    const people = await Promise.all(
      Array.from({ length: peopleAtOnce }, async () => race(await register(apis[0]))),
    );
    for (const [index, { accessToken: token }] of people.entries()) {
      const me = await apis[index % 3]?.query('user.me', { token });
      expect(me?.status).toBe(200);
    }
    const input = { type: 'session.refresh_reused' };
    const reuses = await apis[0].query('admin.listAuditEvents', { token: adminToken, input });
    expect(auditPageOf(reuses).events).toEqual([]);
    expect(trials.failures).toEqual([]);
  },
);
