import { execFileSync } from 'node:child_process';
import type { TestCertificate } from '../test/support/certificate-authority.ts';
import type { Cores } from './cores.ts';
import { install } from './installation.ts';
import type { TokenClass } from './material.ts';
import type { Counts } from './options.ts';
import { benchFile, type Client, type Command, type Server, startClient, startServer } from './processes.ts';

/** What every variant of a run lives on. */
export interface TestBed {
  readonly folder: string;
  readonly materialFile: string;
  readonly resources: string;
  readonly certificate: TestCertificate;
  readonly counts: Counts;
  readonly cores: Cores;
}

/** What a variant has measured, by the key of its row. */
export type Measured = Readonly<Record<string, number>>;

/** One thing that is measured once a round, in processes of its own. */
export interface Variant {
  readonly name: string;
  /** Measured in the first round alone, because it takes long and is no matter of microseconds. */
  readonly once?: true;
  measure(bed: TestBed): Promise<Measured>;
}

/** What bin/carnet executes, without the shell script that finds Node. */
export const CARNET = [
  '--disable-sigusr1',
  '--min-semi-space-size=8',
  '--max-semi-space-size=32',
  '--import',
  benchFile('../bin/compile-cache.js'),
  benchFile('../src/main.ts'),
  'serve',
  '--config',
];

interface Carnet {
  readonly tls?: boolean;
  /** Words before the command; the server's core unless told. */
  readonly prefix?: readonly string[];
}

export async function carnet(bed: TestBed, { tls = false, prefix }: Carnet = {}): Promise<Server> {
  const file = await install(bed.folder, [bed.resources], tls ? bed.certificate : undefined);
  return await startServer(probed(prefix ?? bed.cores.server, [...CARNET, file]));
}

/** A server of the bench itself. */
export function benchServer({ cores, materialFile }: TestBed, words: readonly string[]): Promise<Server> {
  const [script = '', ...rest] = words;
  return startServer(probed(cores.server, [benchFile(script), ...rest, materialFile]));
}

function probed(prefix: readonly string[], args: readonly string[]): Command {
  return { prefix, args: ['--import', benchFile('probe.ts'), ...args] };
}

export interface Asking {
  readonly tokens?: TokenClass | 'peer';
  readonly status?: number;
  /** Kept connections with one request at a time; 64 unless told. */
  readonly connections?: number;
}

/** An order is a number of requests. */
export function askingClient(
  bed: TestBed,
  url: string,
  { tokens = 'accepted', status = 200, connections = 64 }: Asking = {},
) {
  const args = [benchFile('load-generator.ts'), url, bed.materialFile, tokens, String(status), String(connections)];
  return startClient<number>({ prefix: bed.cores.client, args });
}

/** Runs and ends both, whatever happens in between. */
export async function during<T>(servers: readonly Server[], clients: readonly Client<never>[], run: () => Promise<T>) {
  try {
    return await run();
  } finally {
    await Promise.all(clients.map((client) => client.stop()));
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** CPU of all servers while something runs, microseconds. */
export async function cpuOf(servers: readonly Server[], run: () => Promise<unknown>): Promise<number> {
  const total = async () => {
    const each = await Promise.all(servers.map((server) => server.cpuMicros()));
    return each.reduce((sum, micros) => sum + micros, 0);
  };
  const before = await total();
  await run();
  return (await total()) - before;
}

export function residentMebibytes({ pid }: Server): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;
}
