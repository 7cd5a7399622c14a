import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a server may take to be ready: it is four seconds on an idle machine. */
const READY_WITHIN_MS = 90_000;
const POLL_MS = 50;
/** Of a log that explains why a server did not start. */
const TAIL_CHARACTERS = 4_000;

/**
 * Runs a server for as long as standard input is open: it ends with the process that runs the test, however that ends.
 * Killed at once, because nothing that it holds outlives the test.
 */
const LEASH = `
exec 3<&0
"$@" </dev/null 3<&- & server=$!
{ read -r _ <&3; kill -9 "$server"; } & watcher=$!
wait "$server"; status=$?
kill "$watcher" 2>/dev/null
exit "$status"`;

export interface ServerCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** One server of a test. */
export class ServerProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Throws with the end of the server's log when it ends or is not ready in time. */
  static async start(command: ServerCommand, isReady: () => Promise<boolean>): Promise<ServerProcess> {
    const server = new ServerProcess(spawnOnLeash(command));
    const until = Date.now() + READY_WITHIN_MS;
    while (!(await isReady().catch(() => false))) {
      if (server.#hasEnded || Date.now() > until) {
        await server.stop();
        const log = readFileSync(command.logFile, 'utf8').slice(-TAIL_CHARACTERS);
        throw new Error(`${command.file} ended, or was not ready in time:\n${log}`);
      }
      await delay(POLL_MS);
    }
    return server;
  }

  /** Resolves when the server is gone. */
  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}

function spawnOnLeash({ file, args, logFile, env }: ServerCommand): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  try {
    return spawn('/bin/sh', ['-c', LEASH, 'sh', file, ...args], {
      stdio: ['pipe', log, log],
      env: { PATH: process.env['PATH'], ...env },
    });
  } finally {
    closeSync(log);
  }
}
