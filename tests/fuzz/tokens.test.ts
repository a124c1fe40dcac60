import fc, { type Arbitrary } from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createTestLatchkey } from '../../server/testing/index.ts';
import type { AccessTokens } from '../../server/tokens/access-token.ts';
import { signingAlgorithms, type RingKey } from '../../server/tokens/key-ring.ts';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { printResult, readFuzzSize } from './fuzz-size.ts';

const { requests, seeds } = readFuzzSize(process.env);
const tries = Math.ceil(requests / 10 / seeds.length);
const timeout = 3_600_000;

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.split('');
const odd = '.=+/ \t\r\n\0,;"%'.split('');
const characters = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...letters) },
  { weight: 2, arbitrary: fc.constantFrom(...odd) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
);

/** What somebody could do to a token; positions are parts of its length. */
type Edit = (token: string) => string;
const position = fc.integer({ min: 0, max: 9_999 });
const at = (token: string, part: number) => Math.floor((part / 10_000) * (token.length + 1));

const edits: Arbitrary<Edit> = fc.oneof(
  fc.tuple(position, characters).map(([part, character]): Edit => (token) => {
    const index = at(token, part);
    return token.slice(0, index) + character + token.slice(index + 1);
  }),
  fc.tuple(position, characters).map(([part, character]): Edit => (token) => {
    const index = at(token, part);
    return token.slice(0, index) + character + token.slice(index);
  }),
  fc.tuple(position, position).map(([first, second]): Edit => (token) => {
    const [from = 0, to = 0] = [at(token, first), at(token, second)].toSorted((a, b) => a - b);
    return token.slice(0, from) + token.slice(to);
  }),
  fc.tuple(position, position).map(([first, second]): Edit => (token) => {
    const [from = 0, to = 0] = [at(token, first), at(token, second)].toSorted((a, b) => a - b);
    return token.slice(0, to) + token.slice(from);
  }),
  fc.shuffledSubarray([0, 1, 2], { minLength: 1 }).map((order): Edit => (token) => {
    const segments = token.split('.');
    return order.map((index) => segments[index] ?? '').join('.');
  }),
  fc.constantFrom<Edit>(
    (token) => token.toLowerCase(),
    (token) => `${token}.`,
    (token) => token.replaceAll('.', ''),
    (token) => token.replaceAll('-', '+').replaceAll('_', '/'),
    (token) => encodeURIComponent(token).replaceAll('.', '%2E'),
    (token) => JSON.stringify(token),
  ),
);

/** Changes what a segment says and writes it as an encoder would. */
function rewrite(segment: 0 | 1, change: (text: string) => string): Edit {
  return (token) => {
    const segments = token.split('.');
    const text = Buffer.from(segments[segment] ?? '', 'base64url').toString();
    segments[segment] = Buffer.from(change(text)).toString('base64url');
    return segments.join('.');
  };
}
const rewrites: Arbitrary<Edit> = fc.oneof(
  fc
    .tuple(fc.constantFrom<0 | 1>(0, 1), fc.dictionary(fc.string(), fc.jsonValue()))
    .map(([segment, members]) =>
      rewrite(segment, (text) =>
        JSON.stringify({ ...(parse(text) as Record<string, unknown>), ...members }),
      ),
    ),
  fc
    .tuple(fc.constantFrom<0 | 1>(0, 1), edits)
    .map(([segment, edit]) => rewrite(segment, (text) => edit(text))),
);
const damage = fc
  .array(fc.oneof({ weight: 3, arbitrary: edits }, { weight: 1, arbitrary: rewrites }), {
    minLength: 1,
    maxLength: 3,
  })
  .map(
    (all): Edit =>
      (token) =>
        all.reduce((changed, edit) => edit(changed), token),
  );

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function isAccepted(accessTokens: AccessTokens, token: string): Promise<boolean> {
  try {
    await accessTokens.verify(token);
    return true;
  } catch (error) {
    // Whatever it is, it is refused for what it is, and not for having surprised anybody.
    if (error instanceof LatchkeyError && error.reason === 'token_invalid') return false;
    throw error;
  }
}

function sign({ signature }: RingKey, header: string, payload: string): string {
  const input = [header, payload].map((text) => Buffer.from(text).toString('base64url')).join('.');
  return `${input}.${signature.sign(input).toString('base64url')}`;
}

/** With something else in it, or spelt otherwise. */
function otherHeaders(header: string, { id }: RingKey): Arbitrary<string> {
  const names = fc.oneof(fc.constantFrom('alg', 'typ', 'kid', 'crit', 'jwk', 'b64'), fc.string());
  const values = fc.oneof(fc.constantFrom('none', 'HS256', 'JWT', 'at+jwt', id), fc.jsonValue());
  return fc.oneof(
    fc
      .dictionary(names, values)
      .map((members) => JSON.stringify({ ...(parse(header) as object), ...members })),
    edits.map((edit) => edit(header)),
    fc.json(),
  );
}
const otherPayloads = fc.oneof(fc.json(), fc.string({ unit: 'binary' }));

/** How many were tried with a seed, to be said at the end. */
const tally = new Map<number, { tried: number; failures: number }>();
afterAll(() => {
  for (const [seed, counts] of tally) printResult({ what: 'spoilt tokens', seed, ...counts });
});

async function expectToHold<T>(
  seed: number,
  values: Arbitrary<T>,
  holds: (value: T) => Promise<boolean> | boolean,
): Promise<void> {
  const details = await fc.check(
    fc.asyncProperty(values, async (value) => holds(value)),
    {
      seed,
      numRuns: tries,
    },
  );
  const { tried, failures } = tally.get(seed) ?? { tried: 0, failures: 0 };
  tally.set(seed, {
    tried: tried + details.numRuns,
    failures: failures + (details.failed ? 1 : 0),
  });
  expect(details.failed ? fc.defaultReportMessage(details) : null).toBeNull();
}

describe.for(seeds)('seed %i', (seed) => {
  test.for(signingAlgorithms)(
    '%s: an access token is good as it was issued, and in no other form',
    { timeout },
    async (signingAlgorithm) => {
      await using t = await createTestLatchkey({ signingAlgorithm });
      const { accessToken } = await t.signInAs();
      const { accessTokens } = t.composition.accounts;
      const key = await t.composition.keyRing.activeKey();
      const [header = '', payload = ''] = accessToken
        .split('.')
        .map((segment) => Buffer.from(segment, 'base64url').toString());
      expect(await isAccepted(accessTokens, accessToken)).toBe(true);

      await expectToHold(seed, damage, async (edit) => {
        const changed = edit(accessToken);
        return changed === accessToken || !(await isAccepted(accessTokens, changed));
      });
      // From here on our own key signs it.
      await expectToHold(seed, otherHeaders(header, key), async (other) => {
        return other === header || !(await isAccepted(accessTokens, sign(key, other, payload)));
      });
      await expectToHold(seed, otherPayloads, async (other) => {
        return !(await isAccepted(accessTokens, sign(key, header, other)));
      });
    },
  );

  test(
    'a refresh token is genuine as it was issued, and in no other form',
    {
      timeout,
    },
    async () => {
      await using t = await createTestLatchkey();
      const { refreshToken } = await t.signInAs();
      const { refreshTokens, store } = t.composition.accounts;
      const presented = refreshTokens.parse(refreshToken);
      const found = presented && (await store.findSession(presented.sessionId));
      if (!found) throw new Error('The token names no session.');
      expect(refreshTokens.isGenuine(presented, found.session)).toBe(true);
      await expectToHold(seed, damage, (edit) => {
        const changed = edit(refreshToken);
        const parsed = refreshTokens.parse(changed);
        return (
          changed === refreshToken || !parsed || !refreshTokens.isGenuine(parsed, found.session)
        );
      });
    },
  );

  test('what is read as a refresh token has no second spelling', { timeout }, async () => {
    await using t = await createTestLatchkey();
    const { refreshTokens } = t.composition.accounts;
    const texts = fc
      .tuple(
        fc.constantFrom('', 'AQ', 'AQ', 'AQ', 'Ag'),
        fc.string({ unit: fc.constantFrom(...letters, '='), minLength: 69, maxLength: 73 }),
      )
      .map((parts) => parts.join(''));
    let read = 0;
    await expectToHold(seed, texts, (text) => {
      const parsed = refreshTokens.parse(text);
      if (parsed) read += 1;
      return !parsed || parsed.bytes.toString('base64url') === text;
    });
    expect(read).toBeGreaterThan(0);
  });
});
