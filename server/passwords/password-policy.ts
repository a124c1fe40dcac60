import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { PasswordRule } from '../../shared/reasons.ts';
import { createCommonPasswords } from './common-passwords.ts';

/** At most this many characters, so that normalising and hashing stay cheap. */
const maxLength = 256;
/** What must be left of a password without a common word, or without those of account and place. */
const minUnrelatedLength = 8;
/** Shorter words stand in too many good passwords by chance. */
export const minWordLength = 4;
const minDistinctCharacters = 5;

/** Bounds of the configurable minimum (NIST SP 800-63B-4 §3.1.1.2). */
export const minPasswordLengthBounds = { least: 8, most: 64, byDefault: 12 } as const;

export interface PasswordPolicy {
  /**
   * @param ownWords what anybody knows of the account: address, username, name
   * @throws LatchkeyError `weak_password` with the rule that was broken
   */
  assertStrong(password: string, ownWords: readonly (string | null | undefined)[]): void;
}

/**
 * Length in code points, a list of common passwords, the words of the place and of the
 * account; no other rules.
 *
 * @param placeWords what everybody here would think of: names of the organisation, of products, of the host
 */
export function createPasswordPolicy(
  minLength: number,
  placeWords: readonly string[] = [],
): PasswordPolicy {
  const isCommonPassword = createCommonPasswords();

  function findBrokenRule(
    password: string,
    ownWords: readonly (string | null | undefined)[],
  ): PasswordRule | null {
    const length = lengthOf(password);
    if (length < minLength) return 'too_short';
    if (length > maxLength) return 'too_long';
    const folded = password.toLowerCase();
    const word = stripEnds(folded);
    if (isCommon(folded)) return 'common';
    if (isCommonPassword(word) && isLittle(folded.replace(word, ''))) return 'common';
    if (isLittle(withoutWords(folded, ownWords))) return 'personal';
    return isLittle(withoutWords(folded, [...ownWords, ...placeWords])) ? 'common' : null;
  }

  function isCommon(folded: string): boolean {
    return isCommonPassword(folded) || new Set(folded).size < minDistinctCharacters;
  }

  function isLittle(rest: string): boolean {
    return lengthOf(rest) < minUnrelatedLength || isCommon(rest);
  }

  return {
    assertStrong(password, ownWords) {
      const detail = findBrokenRule(password, ownWords);
      if (detail) throw new LatchkeyError('weak_password', { detail });
    },
  };
}

/** In code points (NIST SP 800-63B-4 §3.1.1.2). */
function lengthOf(text: string): number {
  return [...text].length;
}

/** `password2026!` is `password` to whoever guesses. */
function stripEnds(folded: string): string {
  return folded.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '');
}

function withoutWords(folded: string, ownWords: readonly (string | null | undefined)[]): string {
  return ownWords
    .filter((word) => typeof word === 'string')
    .flatMap((word) => [word, ...word.split(/[\s@._-]/)])
    .map((word) => word.normalize('NFC').toLowerCase())
    .filter((word) => word.length >= minWordLength)
    .toSorted((a, b) => b.length - a.length)
    .reduce((rest, word) => rest.replaceAll(word, ''), folded);
}
