import { appendFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

/**
 * Says `N passed, N failed, N skipped` at the very end, so that a script can read the outcome of a run: on standard
 * output, or in the file that CLOSING_LINE_FILE names, where scripts/test.sh adds its gates to it.
 */
export class ClosingLine implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: readonly unknown[]): void {
    let passed = 0;
    let failed = unhandled.length;
    let skipped = 0;
    for (const module of modules) {
      if (module.errors().length > 0) failed += 1;
      for (const test of module.children.allTests()) {
        const state = test.result().state;
        if (state === 'passed') passed += 1;
        else if (state === 'failed') failed += 1;
        else skipped += 1;
      }
    }
    const line = `${passed} passed, ${failed} failed, ${skipped} skipped\n`;
    const file = process.env['CLOSING_LINE_FILE'];
    if (file) appendFileSync(file, line);
    else process.on('exit', () => process.stdout.write(line));
  }
}
