import { defineConfig } from 'vitest/config';
import { ClosingLine } from './test/support/closing-line.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/api/**', 'test/kube/**', 'test/sdk/**'],
    testTimeout: 20_000,
    reporters: ['default', new ClosingLine()],
    coverage: { provider: 'v8', include: ['src/**'] },
  },
});
