import { defineConfig } from 'vitest/config';
import { ClosingLine } from './test/support/closing-line.ts';

/** The matrix of unmodified SDKs, by scripts/test-sdk.sh: cell after cell, because each is a process of its own. */
export default defineConfig({
  test: {
    include: ['test/sdk/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    fileParallelism: false,
    reporters: ['default', new ClosingLine()],
  },
});
