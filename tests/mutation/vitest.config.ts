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
    const isFar = ({ moduleId }: TestSpecification) => !mutated.includes(dirname(moduleId));
    // oxlint-disable-next-line unicorn/no-array-sort -- a sequencer's method, not an array's
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => Number(isFar(a)) - Number(isFar(b)));
  }
}

/**
 * The tests that have to notice a mutant: those of the four folders. They are enough, and a mutant
 * that none of them minds costs seconds; the contract over sockets would make it a minute.
 */
export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ['server/{tokens,sessions,limits,passwords}/**/*.test.ts'],
    environment: 'node',
    testTimeout: 20_000,
    sequence: { sequencer: NearestFirst },
  },
});
