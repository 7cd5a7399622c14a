import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { addAbortSignal } from 'node:stream';
import { printable } from './style.ts';
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
  child.once('error', ({ code }: NodeJS.ErrnoException) => {
    const what = code === 'ENOENT' ? 'does not exist' : `cannot be run (${code})`;
    surroundings.err.write(`carnet: the command ${printable(file)} ${what}\n`);
  });
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

/**
 * What a command printed, and how it ended; null when it was ended because it took too long or printed too much. It gets
 * no input, and its errors go to those of this process.
 */
export async function outputOf(
  command: readonly [string, ...string[]],
  env: Readonly<Record<string, string | undefined>>,
  { maxCharacters, timeoutMs }: { readonly maxCharacters: number; readonly timeoutMs: number },
): Promise<{ exitCode: number | null; output: string }> {
  const [file, ...args] = command;
  const signal = AbortSignal.timeout(timeoutMs);
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'], env, signal });
  const end = ended(child);
  let output = '';
  try {
    // Leaving the loop closes the pipe, which also ends what the command itself has started.
    for await (const text of addAbortSignal(signal, child.stdout.setEncoding('utf8'))) {
      output += text;
      if (output.length > maxCharacters) return { exitCode: null, output };
    }
    const exitCode = await end;
    return { exitCode: signal.aborted ? null : exitCode, output };
  } catch {
    return { exitCode: null, output };
  } finally {
    child.kill();
  }
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ENOENT' ? 127 : 126));
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
