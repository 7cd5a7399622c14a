import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a server may take to be ready: it is four seconds on an idle machine. */
const READY_WITHIN_MS = 90_000;
/** What a server gets to end by itself. */
const GRACE_MS = 5_000;
const POLL_MS = 50;
/** Of a log that explains why a server did not start. */
const TAIL_CHARACTERS = 4_000;

export interface ServerCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** One server of a test. It is ended by its own process id, and with the process that runs the test at the latest. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #endWithUs = () => this.#child.kill('SIGKILL');

  private constructor(command: ServerCommand) {
    const log = openSync(command.logFile, 'a', 0o600);
    this.#child = spawn(command.file, command.args, {
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'], ...command.env },
    });
    closeSync(log);
    process.once('exit', this.#endWithUs);
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', () => resolve());
      this.#child.once('exit', () => resolve());
    });
  }

  /** Throws with the end of the server's log when it ends or is not ready in time. */
  static async start(command: ServerCommand, isReady: () => Promise<boolean>): Promise<ServerProcess> {
    const server = new ServerProcess(command);
    const until = Date.now() + READY_WITHIN_MS;
    while (!(await isReady().catch(() => false))) {
      if (server.#hasEnded || Date.now() > until) {
        await server.stop();
        const log = readFileSync(command.logFile, 'utf8').slice(-TAIL_CHARACTERS);
        throw new Error(`${command.file} was not ready in time, or ended:\n${log}`);
      }
      await delay(POLL_MS);
    }
    return server;
  }

  async stop(): Promise<void> {
    process.off('exit', this.#endWithUs);
    if (this.#hasEnded) return;
    this.#child.kill('SIGTERM');
    const force = setTimeout(this.#endWithUs, GRACE_MS);
    await this.#ended;
    clearTimeout(force);
  }

  get #hasEnded(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}
