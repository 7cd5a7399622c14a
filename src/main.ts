import process from 'node:process';
import { text } from 'node:stream/consumers';
import { ExitCode } from './cli/exit-code.ts';
import { run } from './cli/program.ts';
import type { Surroundings } from './cli/surroundings.ts';
import { systemClock } from './core/clock.ts';

/** A reader that has seen enough, such as `head`, changes nothing of how the command ends. */
let outputLost = (code: string | undefined): void => {
  if (code === 'EPIPE') return;
  process.stderr.write(`carnet: standard output cannot be written (${code})\n`);
  process.exit(ExitCode.unavailable);
};

// The only reader of the process: everything else gets what it needs from here.
const surroundings: Surroundings = {
  env: process.env,
  out: process.stdout,
  err: process.stderr,
  readInput: () => text(process.stdin),
  workingDirectory: workingDirectory(),
  clock: systemClock,
  onSignal(signals, callback) {
    for (const signal of signals) process.on(signal, callback);
    return () => {
      for (const signal of signals) process.off(signal, callback);
    };
  },
  exitNow: (code) => process.exit(code),
  whenOutputIsLost(callback) {
    outputLost = callback;
  },
};

process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => outputLost(code));
// What nobody can be told changes nothing either.
process.stderr.on('error', () => {});

/** Where it was removed meanwhile, as under a long-running program, absolute paths are found all the same, and no others. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return '/dev/null';
  }
}

process.exitCode = await run(process.argv.slice(2), surroundings);
