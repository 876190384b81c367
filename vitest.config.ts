import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'proof/**/*.test.ts', 'web/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The default leaves a core to itself, and most of these tests wait for other processes.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
