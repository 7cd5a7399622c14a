import { defineConfig } from 'vitest/config';
import { ClosingLine } from './test/support/closing-line.ts';

/** Tests on real API servers, by scripts/test-kube.sh: file after file, because each has servers of its own. */
export default defineConfig({
  test: {
    include: ['test/kube/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    fileParallelism: false,
    reporters: ['default', new ClosingLine()],
  },
});
