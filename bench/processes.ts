import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const READY_MS = 60_000;
const STOP_MS = 20_000;
/** No order takes so long unless something hangs. */
const ORDER_MS = 300_000;
/** What `carnet serve` and the servers of the bench write once they listen. */
const LISTENING = /(?:all doors|listening)\s+(https?:\/\/\S+)/;

export interface Command {
  /** Words before the command, to pin it to a core. */
  readonly prefix: readonly string[];
  /** Arguments of Node. */
  readonly args: readonly string[];
}

function start({ prefix, args }: Command, stderr: 'pipe' | 'inherit'): ChildProcess {
  const [file = '', ...words] = [...prefix, process.execPath, ...args];
  return spawn(file, words, { stdio: ['ignore', 'ignore', stderr, 'ipc'] });
}

/** Path of a file of the bench. */
export function benchFile(name: string): string {
  return join(import.meta.dirname, name);
}

/** Runs a script that sends one message of figures and ends. */
export async function figuresOf(command: Command): Promise<Readonly<Record<string, number>>> {
  const child = start(command, 'inherit');
  const ended = once(child, 'exit');
  const told = once(child, 'message');
  const first = await Promise.race([told, ended.then(() => undefined)]);
  const [code] = await ended;
  if (first === undefined || code !== 0) throw new Error(`${command.args.join(' ')} ended with ${code}`);
  return first[0] as Readonly<Record<string, number>>;
}

export interface Server {
  readonly url: string;
  readonly pid: number;
  /** Milliseconds from the start of the process until it listened. */
  readonly startedInMs: number;
  /** User and system time of all threads so far, microseconds. Only of a server with the probe. */
  cpuMicros(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a server and waits until it listens. Its standard output, the log, goes to the null device. */
export async function startServer(command: Command): Promise<Server> {
  const begun = performance.now();
  const child = start(command, 'pipe');
  const url = await listening(child);
  const startedInMs = performance.now() - begun;
  return {
    url,
    pid: child.pid ?? 0,
    startedInMs,
    async cpuMicros() {
      const answered = once(child, 'message');
      child.send('cpu');
      const [{ user, system }] = (await answered) as [NodeJS.CpuUsage];
      return user + system;
    },
    stop: () => stop(child),
  };
}

async function listening(child: ChildProcess): Promise<string> {
  let said = '';
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const fail = (why: string) => reject(new Error(`${child.spawnargs.join(' ')} ${why}: ${said}`));
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
    const url = LISTENING.exec(said)?.[1];
    if (url !== undefined) resolve(url);
  });
  child.once('exit', () => fail('ended'));
  const timer = setTimeout(() => fail('does not listen'), READY_MS);
  try {
    return await promise;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}

/** A client of the bench in a process of its own: each order that it gets is answered by one message. */
export interface Client<Order> {
  /** Rejects when the client gives up: when an answer has another status than expected, say. */
  run(order: Order): Promise<Readonly<Record<string, number>>>;
  stop(): Promise<void>;
}

export function startClient<Order extends object | number>(command: Command): Client<Order> {
  const child = start(command, 'inherit');
  const ended = once(child, 'exit').then(() => {
    throw new Error('the load generator ended');
  });
  ended.catch(() => undefined);
  return {
    async run(order) {
      const done = once(child, 'message');
      child.send(order);
      const late = AbortSignal.timeout(ORDER_MS);
      const overdue = once(late, 'abort').then(() => {
        throw new Error('the load generator does not answer');
      });
      const [figures] = (await Promise.race([done, ended, overdue])) as [Readonly<Record<string, number>>];
      return figures;
    },
    stop: () => stop(child),
  };
}
