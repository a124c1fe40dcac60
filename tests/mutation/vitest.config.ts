import { dirname } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Runs the tests beside the mutated file before the others. A mutant dies of the first test
 * that fails, and those are the quick ones that fail most often.
 */
class NearestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const mutated = this.ctx.config.related?.map((path) => dirname(path)) ?? [];
    const distance = ({ moduleId }: TestSpecification) =>
      mutated.includes(dirname(moduleId)) ? 0 : moduleId.includes('/server/') ? 1 : 2;
    // oxlint-disable-next-line unicorn/no-array-sort -- a sequencer's method, not an array's
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => distance(a) - distance(b));
  }
}

/** The tests that have to notice a mutant: those beside the sources. */
export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ['server/{tokens,sessions,limits,passwords}/**/*.test.ts'],
    environment: 'node',
    testTimeout: 20_000,
    sequence: { sequencer: NearestFirst },
  },
});
