import process from 'node:process';
import { text } from 'node:stream/consumers';
import { run } from './cli/program.ts';
import type { Surroundings } from './cli/surroundings.ts';
import { systemClock } from './core/clock.ts';

// The only reader of the process: everything else gets what it needs from here.
const surroundings: Surroundings = {
  env: process.env,
  out: process.stdout,
  err: process.stderr,
  readInput: () => text(process.stdin),
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
