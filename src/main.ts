import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { run } from './cli/program.ts';
import type { Surroundings } from './cli/surroundings.ts';
import { systemClock } from './core/clock.ts';

// Compiled code is kept beside the packages, never in a shared temporary folder: whoever may write there may change the
// code itself. Where nothing can be written, it is compiled at each start.
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/carnet'));

// The only reader of the process: everything else gets what it needs from here.
const surroundings: Surroundings = {
  env: process.env,
  out: process.stdout,
  err: process.stderr,
  workingDirectory: process.cwd(),
  clock: systemClock,
  onSignal(signals, callback) {
    for (const signal of signals) process.on(signal, callback);
    return () => {
      for (const signal of signals) process.off(signal, callback);
    };
  },
  exitNow: (code) => process.exit(code),
};

// A reader that has seen enough, such as `head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await run(process.argv.slice(2), surroundings);
