import { defineConfig } from 'vitest/config';

/**
 * Folders whose files keep nothing in the modules that they import: these are imported once for all of them. The others are imported anew
 * for each file, as are files that replace modules, take what a process does only once, or ask for all that is registered.
 */
const TOGETHER = ['env', 'nn', 'plots', 'random', 'tensor'].map((folder) => `test/${folder}/**/*.test.ts`);
const ALONE = [
  'test/nn/half.test.ts',
  'test/env/check-env.test.ts',
  'test/env/registry.test.ts',
  'test/env/saved-state.test.ts',
  'test/env/text/symbolic-equality-missing.test.ts',
];

export default defineConfig({
  test: {
    setupFiles: ['test/property-seed.ts'],
    testTimeout: 120_000,
    pool: 'forks',
    projects: [
      { extends: true, test: { name: 'together', include: TOGETHER, exclude: ALONE, isolate: false } },
      { extends: true, test: { name: 'alone', include: ['test/**/*.test.ts'], exclude: TOGETHER } },
      { extends: true, test: { name: 'own', include: ALONE } },
    ],
  },
});
