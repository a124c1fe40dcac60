/**
 * Every attack of the catalogue by its row: `J-07` is number 7 of the letter J. A number
 * that is missing was given up or lies within another row.
 */
const numbers = {
  // tests/attacks/j-tokens.test.ts
  J: [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 22, 23, 24, 25, 26, 28, 29,
    30, 32, 33, 34, 35,
  ],
  // tests/attacks/l-sign-in.test.ts
  L: [
    1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 19, 20, 21, 22, 23, 25, 26, 27, 28, 29, 30,
    31, 33, 34, 35, 37, 38,
  ],
  // tests/attacks/r-sessions.test.ts
  R: [
    1, 2, 3, 6, 9, 10, 11, 12, 13, 15, 16, 17, 19, 20, 21, 22, 24, 26, 27, 29, 30, 31, 32, 33, 34,
  ],
  // tests/attacks/z-authorization.test.ts
  Z: [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13, 14, 15, 18, 19, 21, 22, 23, 24],
  // tests/attacks/h-http.test.ts
  H: [
    1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 25, 26, 27, 28, 29,
    30, 31, 32, 33, 34, 35, 36, 37, 38, 40, 41, 42, 43, 44,
  ],
  // tests/attacks/s-storage.test.ts
  S: [2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 14, 15, 16],
  // tests/attacks/o-operations.test.ts
  O: [1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 16, 17, 19, 20],
  // tests/attacks/c-client.test.ts
  C: [1, 2, 3, 5, 6, 7, 9, 10],
} as const;

/** All 185 rows. */
export const catalogue: readonly string[] = Object.entries(numbers).flatMap(([letter, list]) =>
  list.map((number) => `${letter}-${String(number).padStart(2, '0')}`),
);
