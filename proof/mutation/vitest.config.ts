import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { defineConfig } from 'vitest/config';
import { areaOf } from './areas.js';

/** The tests of one area, which the environment names: what is not quick would be run some hundred times. */
const { tests } = areaOf(process.env['IMPULS_MUTATION_AREA'] ?? 'core');

/** As the area says, not the longest first: the first test that notices a change ends its run. */
class InOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => tests.findIndex((test) => moduleId.endsWith(test));
    return files.sort((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  test: {
    include: [...tests],
    setupFiles: ['proof/mutation/setup.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    sequence: { sequencer: InOrder },
    pool: 'threads',
    isolate: false,
  },
});
