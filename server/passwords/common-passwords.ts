import { createRequire } from 'node:module';
import type * as languageCommon from '@zxcvbn-ts/language-common';

const require = createRequire(import.meta.url);

/**
 * Tells common passwords, in lower case. The list of 49,233 is read at the first question:
 * a process in which nobody chooses a password does without its 8 MB and 50 ms.
 */
export function createCommonPasswords(): (folded: string) => boolean {
  let common: ReadonlySet<string> | undefined;
  return (folded) => {
    common ??= readCommonPasswords();
    return common.has(folded);
  };
}

function readCommonPasswords(): ReadonlySet<string> {
  const { dictionary } = require('@zxcvbn-ts/language-common') as typeof languageCommon;
  return new Set(dictionary['passwords-common']);
}
