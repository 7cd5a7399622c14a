import { defineConfig } from 'vitest/config';
import { ClosingLine } from './test/support/closing-line.ts';

/** Tests on real API servers, by scripts/test-kube.sh: file after file, because each has servers of its own. */
export default defineConfig({
  test: {
    include: ['test/kube/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 30_000 } },
    fileParallelism: false,
    reporters: ['default', new ClosingLine()],
  },
});
