import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { describe, expect, test } from 'vitest';
import { createTestLatchkey } from '../../server/testing/index.ts';
import { createSignature } from '../../server/tokens/signature.ts';
import { isReason } from '../../shared/reasons.ts';
import { openWire, type Wire } from './wire.ts';
import { judgeVectors, readVectors, type vectorFiles, type Verdict } from './wycheproof.ts';

/**
 * Wycheproof's vectors for JSON Web Signature, Key and Encryption (C2SP, Apache-2.0) are no part
 * of this repository, and no package that npm installs has them. The variable names a folder that
 * does: `testvectors_v1` of a copy of Wycheproof.
 */
const folder = process.env['LATCHKEY_WYCHEPROOF'];

/** What is larger Node turns away by itself (431). */
const maxHeaderBytes = 16_000;

/** The answer to a token as bearer, and in the place of a refresh token. */
async function present(wire: Wire, token: string): Promise<{ bearer: number; refresh: number }> {
  // In a header it cannot have line ends.
  const value = Buffer.from(token.replaceAll(/[\r\n\0]/g, ' ')).toString('latin1');
  const body = JSON.stringify({ refreshToken: token });
  wire.write(
    Buffer.from(
      `GET /trpc/user.me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${value}\r\n\r\n`,
      'latin1',
    ),
  );
  const bearer = await wire.read('GET');
  wire.write(
    Buffer.from(
      `POST /trpc/auth.refresh HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    ),
  );
  const refresh = await wire.read('POST');
  for (const answer of [bearer, refresh]) {
    const { error } = JSON.parse(answer?.body ?? 'null') as { error: { data: { reason: string } } };
    expect(isReason(error.data.reason)).toBe(true);
  }
  return { bearer: bearer?.status ?? 0, refresh: refresh?.status ?? 0 };
}

/** How many of a folder's tokens the server and the verifier treat in which way. */
async function runFolder(path: string) {
  const vectors = await readVectors(path);
  await using t = await createTestLatchkey();
  const wire = openWire(Number(new URL((await t.serve()).url).port));
  const notRefused: string[] = [];
  for (const { name, token } of vectors) {
    expect(Buffer.byteLength(token)).toBeLessThan(maxHeaderBytes);
    const { bearer, refresh } = await present(wire, token);
    // Too long or empty, a refresh token is no input at all.
    if (bearer !== 401 || ![400, 401].includes(refresh)) notRefused.push(name);
  }
  wire.destroy();
  const verdicts = new Map<Verdict, string[]>();
  for (const [{ name }, verdict] of judgeVectors(vectors)) {
    verdicts.set(verdict, [...(verdicts.get(verdict) ?? []), name]);
  }
  return { tried: vectors.length, notRefused, verdicts };
}

describe('a folder of vectors', () => {
  const algorithms = ['HS256', 'ES256', 'RS256', 'EdDSA'] as const;

  async function createKey(algorithm: (typeof algorithms)[number]): Promise<JWK> {
    if (algorithm === 'HS256') {
      return { kty: 'oct', k: Buffer.alloc(32, 7).toString('base64url') };
    }
    const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
    return exportJWK(privateKey);
  }

  interface Group {
    readonly private: object | undefined;
    readonly tests: readonly object[];
  }

  /** Vectors of our own in Wycheproof's form: they show that the runner sees what it has to see. */
  async function writeFolder(resultOfLast: 'valid' | 'invalid') {
    const path = await mkdtemp(join(tmpdir(), 'latchkey-vectors-'));
    const testGroups = await Promise.all(
      algorithms.map(async (alg) => {
        const key = await createKey(alg);
        const signature = createSignature(alg, key);
        const sign = (header: object, payload = 'Zm9v') => {
          const input = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}`;
          return `${input}.${signature.sign(input).toString('base64url')}`;
        };
        const good = sign({ alg, kid: 'one' });
        const tests = [
          { jws: good, result: 'valid' },
          { jws: sign({ kid: 'one', alg }), result: 'valid' },
          { jws: good.replace('.', ' .'), result: 'valid' },
          { jws: good.replace('Zm9v', 'Zm9w'), result: 'invalid' },
          { jws: sign({ alg: 'none', kid: 'one' }), result: 'invalid' },
          { jws: `${good}.`, result: 'invalid' },
          { jws: good.slice(0, good.lastIndexOf('.') + 1), result: 'invalid' },
          { jws: { payload: 'Zm9v', signatures: [] }, result: 'invalid' },
          { jws: '', result: 'invalid' },
          { jws: 'a\r\nb', result: 'acceptable' },
          { jws: sign({ alg, kid: 'one' }, 'bGFzdA'), result: resultOfLast },
        ].map((each, index) => ({ tcId: index + 1, comment: alg, ...each }));
        return { private: { ...key, alg, kid: 'one' }, tests };
      }),
    );
    const [first] = testGroups;
    const secret = first?.private;
    const [good] = first?.tests ?? [];
    const said = { tcId: 99, comment: 'the first once more', jws: good?.jws, result: 'invalid' };
    const files: Record<(typeof vectorFiles)[number], readonly Group[]> = {
      'json_web_signature_test.json': [
        ...testGroups,
        { private: { ...secret, alg: 'HS512' }, tests: [said] },
        { private: secret, tests: [said] },
      ],
      'json_web_key_test.json': [{ private: { keys: [secret] }, tests: [said] }],
      'json_web_encryption_test.json': [
        { private: secret, tests: [{ ...said, jws: undefined, jwe: 'a.b.c.d.e' }] },
      ],
      'json_web_crypto_test.json': [
        { private: secret, tests: [{ ...said, comment: 'rejectsKeyWithRocaVulnerability' }] },
      ],
    };
    for (const [file, groups] of Object.entries(files)) {
      const numberOfTests = groups.reduce((sum, { tests }) => sum + tests.length, 0);
      await writeFile(join(path, file), JSON.stringify({ numberOfTests, testGroups: groups }));
    }
    return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
  }

  test('is refused token by token, and the verifier agrees with what it says', async () => {
    await using written = await writeFolder('valid');
    const { tried, notRefused, verdicts } = await runFolder(written.path);
    expect(tried).toBe(49);
    expect(notRefused).toEqual([]);
    expect(Object.fromEntries([...verdicts].map(([verdict, of]) => [verdict, of.length]))).toEqual({
      agreed: 39,
      'valid in another spelling': 4,
      'valid and invalid at once': 2,
      'no algorithm of ours': 1,
      'about encryption, or about keys': 3,
    });
  });

  test('with which the verifier disagrees is found out', async () => {
    await using written = await writeFolder('invalid');
    const { verdicts } = await runFolder(written.path);
    expect(verdicts.get('disagreed')).toHaveLength(4);
  });

  test('that lacks a token is not taken for whole', async () => {
    await using written = await writeFolder('valid');
    const file = join(written.path, 'json_web_key_test.json');
    await writeFile(file, JSON.stringify({ numberOfTests: 2, testGroups: [] }));
    await expect(readVectors(written.path)).rejects.toThrow('says that it has 2 tests, and has 0.');
  });
});

test.for(folder ? [] : ['LATCHKEY_WYCHEPROOF names no folder that has them'])(
  "Wycheproof's own vectors are not tried: %s",
  () => {
    expect(folder ?? '').toBe('');
  },
);

test.for(folder ? [folder] : [])(
  "Wycheproof's own vectors in %s",
  { timeout: 120_000 },
  async (path) => {
    const { tried, notRefused, verdicts } = await runFolder(path);
    const counts = [...verdicts].map(([verdict, of]) => `${of.length} ${verdict}`).join(', ');
    const refused = tried - notRefused.length;
    process.stdout.write(`Wycheproof: ${refused} of ${tried} refused; the verifier: ${counts}\n`);
    expect(notRefused).toEqual([]);
    expect(verdicts.get('disagreed') ?? []).toEqual([]);
    expect(verdicts.get('agreed')?.length ?? 0).toBeGreaterThan(0);
  },
);
