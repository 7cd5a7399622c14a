import process from 'node:process';
import { text } from 'node:stream/consumers';
import { ExitCode } from './cli/exit-code.ts';
import { run } from './cli/program.ts';
import type { Surroundings } from './cli/surroundings.ts';
import { systemClock } from './core/clock.ts';

let needsOutput = true;

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
  goOnWithoutOutput() {
    needsOutput = false;
  },
};

process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  if (!needsOutput) return;
  // A reader that has seen enough, such as `head`, is no error.
  if (code === 'EPIPE') process.exit(ExitCode.ok);
  process.stderr.write(`carnet: standard output cannot be written (${code})\n`);
  process.exit(ExitCode.unavailable);
});
// What nobody can be told changes nothing of how a command ends.
process.stderr.on('error', () => {});

process.exitCode = await run(process.argv.slice(2), surroundings);
