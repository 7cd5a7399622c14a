import { defineConfig } from 'vitest/config';
import { ClosingLine } from './test/support/closing-line.ts';

/** What a test waits for comes as soon as it can; these bounds only say when it is given up, on a machine however busy. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/api/**', 'test/kube/**', 'test/sdk/**'],
    testTimeout: 180_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    reporters: ['default', new ClosingLine()],
    coverage: { provider: 'v8', include: ['src/**'] },
  },
});
