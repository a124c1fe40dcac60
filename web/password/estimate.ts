import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary as common } from '@zxcvbn-ts/language-common';
import { dictionary as english } from '@zxcvbn-ts/language-en';

/** A megabyte of dictionaries: a file of its own, loaded when somebody chooses a password. */
const meter = new ZxcvbnFactory({
  dictionary: { ...common, ...english },
  graphs: adjacencyGraphs,
  // Beyond this no guess comes closer, and every key press would take longer.
  maxLength: 64,
});

/**
 * How hard a password is to guess, 0 to 4.
 *
 * @param ownWords what anybody knows of the account
 */
export function estimate(password: string, ownWords: readonly string[]): number {
  const words = ownWords.flatMap((word) => [word, ...word.split(/[\s@._-]/)]);
  return meter.check(
    password,
    words.filter((word) => word !== ''),
  ).score;
}

export type Estimate = typeof estimate;
