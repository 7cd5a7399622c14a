import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { SIGNALS, type Surroundings } from './surroundings.ts';

/**
 * Runs a command with an environment of its own and the terminal of this process, passes signals on to it, and resolves
 * to its exit code: 128 and the signal's number when a signal ended it, 127 when it does not exist, 126 when it cannot
 * be run.
 */
export async function runChild(
  command: readonly [string, ...string[]],
  env: Readonly<Record<string, string | undefined>>,
  surroundings: Surroundings,
): Promise<number> {
  const [file, ...args] = command;
  const child = spawn(file, args, { stdio: 'inherit', env });
  const stop = surroundings.onSignal(SIGNALS, (signal) => {
    // A terminal has sent SIGINT to the child already.
    if (signal !== 'SIGINT' || surroundings.err.isTTY !== true) child.kill(signal);
  });
  try {
    return await ended(child);
  } finally {
    stop();
  }
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ENOENT' ? 127 : 126));
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
