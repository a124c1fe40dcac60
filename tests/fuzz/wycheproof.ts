import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JWK } from 'jose';
import { z } from 'zod';
import { openCompact } from '../../server/tokens/access-token.ts';
import { signingAlgorithms, type SigningAlgorithm } from '../../server/tokens/key-ring.ts';
import { createSignature } from '../../server/tokens/signature.ts';

/** The files of Wycheproof's `testvectors_v1` in which tokens stand. */
export const vectorFiles = [
  'json_web_signature_test.json',
  'json_web_key_test.json',
  'json_web_encryption_test.json',
  'json_web_crypto_test.json',
] as const;

/** Signed correctly, with a key that a verifier is to know as weak. Our ring makes its own keys. */
const weakKeyComment = 'rejectsKeyWithRocaVulnerability';

const jwk = z.custom<JWK>((value) => z.object({ kty: z.string() }).safeParse(value).success);
const keyOrKeys = z.union([z.object({ keys: z.array(jwk) }), jwk]);

const fileSchema = z.object({
  numberOfTests: z.int(),
  testGroups: z.array(
    z.object({
      private: keyOrKeys.optional(),
      tests: z.array(
        z.object({
          tcId: z.int(),
          comment: z.string(),
          jws: z.unknown().optional(),
          jwe: z.unknown().optional(),
          result: z.enum(['valid', 'invalid', 'acceptable']),
        }),
      ),
    }),
  ),
});

/** A token, and what a verifier with the key of its group has to make of it. */
export interface Vector {
  readonly name: string;
  /** As it stands in the file; the JSON text of one in JSON serialisation. */
  readonly token: string;
  readonly result: 'valid' | 'invalid' | 'acceptable';
  /** The one key that signs; `null` where the vector is about encryption, or about keys. */
  readonly key: JWK | null;
}

/**
 * Reads every token of a folder of Wycheproof.
 *
 * @throws Error when a file is missing, or has another number of tokens than it says
 */
export async function readVectors(folder: string): Promise<Vector[]> {
  const vectors: Vector[] = [];
  for (const file of vectorFiles) {
    const text = await readFile(join(folder, file), 'utf8');
    const { numberOfTests, testGroups } = fileSchema.parse(JSON.parse(text));
    const found = testGroups.flatMap((group) => {
      const isAboutTokens = group.tests.some(
        ({ jws, comment }) => jws !== undefined && comment !== weakKeyComment,
      );
      const key = isAboutTokens ? oneOf(group.private) : null;
      return group.tests.map(({ tcId, comment, jws, jwe, result }): Vector => {
        const token = jws ?? jwe;
        return {
          name: `${file} ${tcId} ${comment}`,
          token: typeof token === 'string' ? token : JSON.stringify(token),
          result,
          key,
        };
      });
    });
    if (found.length !== numberOfTests) {
      throw new Error(`${file} says that it has ${numberOfTests} tests, and has ${found.length}.`);
    }
    vectors.push(...found);
  }
  return vectors;
}

function oneOf(keys: z.infer<typeof keyOrKeys> | undefined): JWK | null {
  return keys === undefined || 'keys' in keys ? null : keys;
}

/** Why our verifier has nothing to say of a vector; they are counted. */
export type OutOfScope =
  | 'about encryption, or about keys'
  | 'no algorithm of ours'
  | 'valid in another spelling'
  | 'valid and invalid at once';

export type Verdict = 'agreed' | 'disagreed' | OutOfScope;

/**
 * What our verifier makes of each vector, with the vector's key as a key of its ring.
 *
 * A ring takes a token only if its first segment is the one that its key writes, and a token has
 * one spelling: what is valid with white space in it does not apply.
 */
export function judgeVectors(vectors: readonly Vector[]): Map<Vector, Verdict> {
  const valid = new Set(vectors.filter(isAccepting).map(identityOf));
  const invalid = new Set(vectors.filter(({ result }) => result === 'invalid').map(identityOf));
  return new Map(
    vectors.map((vector) => {
      const identity = identityOf(vector);
      const isContradictory = valid.has(identity) && invalid.has(identity);
      return [vector, isContradictory ? 'valid and invalid at once' : judgeVector(vector)];
    }),
  );
}

function isAccepting({ result }: Vector): boolean {
  return result !== 'invalid';
}

function identityOf({ token, key }: Vector): string {
  return JSON.stringify([token, key]);
}

function judgeVector(vector: Vector): Verdict {
  const { token, key, result } = vector;
  if (!key) return 'about encryption, or about keys';
  const algorithm = signingAlgorithms.find((name) => name === key.alg);
  if (!algorithm) return 'no algorithm of ours';
  const isOurs = isHeaderOf(token, key);
  const isAccepted = isOurs && opens(token, algorithm, key);
  if (result === 'acceptable' || isAccepted === (result === 'valid')) return 'agreed';
  const isSpeltAsOurs = isOurs && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
  return result === 'valid' && !isSpeltAsOurs ? 'valid in another spelling' : 'disagreed';
}

function opens(token: string, algorithm: SigningAlgorithm, key: JWK): boolean {
  return openCompact(token, createSignature(algorithm, key)) !== null;
}

/** Whether the first segment is one that this key writes: its algorithm and its id, no more. */
function isHeaderOf(token: string, { alg, kid }: JWK): boolean {
  const spellings = [
    { alg, kid },
    { kid, alg },
  ].map((header) => Buffer.from(JSON.stringify(header)).toString('base64url'));
  return spellings.includes(token.slice(0, Math.max(0, token.indexOf('.'))));
}
