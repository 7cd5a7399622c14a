import { defineConfig } from 'vitest/config';
import { ClosingLine } from './test/support/closing-line.ts';

/** The HTTP contract against a generator of requests, by scripts/test-api.sh. */
export default defineConfig({
  test: {
    include: ['test/api/**/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    fileParallelism: false,
    reporters: ['default', new ClosingLine()],
  },
});
