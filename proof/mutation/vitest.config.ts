import { defineConfig } from 'vitest/config';
import { areaOf } from './areas.js';

/** The tests of one area, which the environment names: what is not quick would be run some hundred times. */
const { tests } = areaOf(process.env['IMPULS_MUTATION_AREA'] ?? 'core');

export default defineConfig({
  test: {
    include: [...tests],
    setupFiles: ['proof/mutation/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'threads',
    isolate: false,
  },
});
