/** How much is tried, and where the random choices begin. */
export interface FuzzSize {
  /** Requests on the wire over all seeds; the properties of tokens take a tenth of it each. */
  readonly requests: number;
  /** Each begins a sequence of choices that is the same whenever it is run. */
  readonly seeds: readonly number[];
}

/** What `npm test` has time for. It begins the same way each time, so that it fails for a reason. */
const smallRequests = 2_000;
const smallSeeds = [20_260_101];

/**
 * Reads `LATCHKEY_FUZZ_REQUESTS` and `LATCHKEY_FUZZ_SEED` (one number, or several with commas).
 * Beyond the small size, three seeds are drawn anew unless they are given.
 */
export function readFuzzSize(variables: Readonly<Record<string, string | undefined>>): FuzzSize {
  const requests = readNumber(variables, 'LATCHKEY_FUZZ_REQUESTS') ?? smallRequests;
  const given = variables['LATCHKEY_FUZZ_SEED']?.split(',') ?? [];
  if (given.length > 0) {
    return { requests, seeds: given.map((seed) => toNumber(seed, 'LATCHKEY_FUZZ_SEED')) };
  }
  const drawn = Array.from({ length: 3 }, () => Math.floor(Math.random() * 2 ** 31));
  return { requests, seeds: requests > smallRequests ? drawn : smallSeeds };
}

function readNumber(
  variables: Readonly<Record<string, string | undefined>>,
  name: string,
): number | undefined {
  const text = variables[name];
  return text ? toNumber(text, name) : undefined;
}

function toNumber(text: string, name: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`${name}: not a whole number.`);
  return value;
}

/** What was tried with one seed, and how it ended. */
export interface FuzzResult {
  readonly what: string;
  readonly seed: number;
  readonly tried: number;
  readonly failures: number;
}

/** Prints a result. None of n failed says that fewer than 3/n fail (95 % confidence). */
export function printResult({ what, seed, tried, failures }: FuzzResult): void {
  const bound = failures === 0 ? `, so fewer than ${(3 / tried).toExponential(1)} fail` : '';
  process.stdout.write(`${what}: seed ${seed}, ${tried} tried, ${failures} failed${bound}\n`);
}
