import { expect, test } from 'vitest';
import { createBudget, programs } from './measure.ts';

// Times are noise here; how often the compiler makes a type out of a generic one is not.
test(
  'Latchkey in a host of 200 procedures costs at most a tenth more types, and its client as well',
  { timeout: 300_000 },
  async () => {
    await using budget = await createBudget();
    for (const program of programs) {
      const plain = await budget.compile(program, 'plain');
      const latchkey = await budget.compile(program, 'latchkey');
      expect(latchkey.instantiations / plain.instantiations).toBeLessThanOrEqual(1.1);
      // A host whose procedures are not there costs nothing.
      expect(plain.instantiations).toBeGreaterThan(10_000);
    }
  },
);
