import { execFileSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import type { Cores } from './cores.ts';
import { install } from './installation.ts';
import { mappingFiles, type TokenClass } from './material.ts';
import type { Counts } from './options.ts';
import { benchFile, figuresOf, type Server, startClient, startServer } from './processes.ts';

/** What every variant of a run lives on. */
export interface TestBed {
  readonly folder: string;
  readonly materialFile: string;
  readonly resources: string;
  readonly counts: Counts;
  readonly cores: Cores;
}

/** One thing that is measured once a round, in processes of its own. */
export interface Variant {
  readonly name: string;
  /** Figures by the key of their row. */
  measure(bed: TestBed): Promise<Readonly<Record<string, number>>>;
}

/** In the order in which a round runs them: what is compared most stands close together. */
export const VARIANTS: readonly Variant[] = [
  primitive('verify.sync'),
  primitive('sign.sync'),
  floor('node'),
  { name: 'exchange.core', measure: (bed) => load(bed, { key: 'exchange.core', server: () => core(bed) }) },
  { name: 'exchange.full', measure: (bed) => load(bed, { key: 'exchange.full', server: () => carnet(bed) }) },
  refused('malformed'),
  refused('unknownIssuer'),
  refused('badSignature'),
  refused('expired'),
  floor('fastify'),
  primitive('verify.jose'),
  primitive('sign.jose'),
  ...[10, 1000, 100_000].map(decision),
  {
    name: 'load',
    measure: ({ cores, materialFile }) => script(cores, ['--expose-gc', 'mapping-load.ts', materialFile]),
  },
  { name: 'start', measure: starts },
];

function primitive(name: string): Variant {
  const measure = ({ cores, counts, materialFile }: TestBed) =>
    script(cores, ['primitives.ts', name, String(counts.primitives), materialFile]);
  return { name, measure };
}

function decision(size: number): Variant {
  const measure = ({ cores, counts }: TestBed) =>
    script(cores, ['decisions.ts', String(size), String(counts.decisions)]);
  return { name: `decide.${size}`, measure };
}

function script(cores: Cores, words: readonly string[]): Promise<Readonly<Record<string, number>>> {
  const args = words.map((word) => (word.endsWith('.ts') ? benchFile(word) : word));
  return figuresOf({ prefix: cores.server, args });
}

function floor(kind: 'node' | 'fastify'): Variant {
  const key = `floor.${kind}`;
  const measure = (bed: TestBed) =>
    load(bed, { key, server: () => probed(bed, [benchFile('floor-server.ts'), kind, bed.materialFile]) });
  return { name: key, measure };
}

function refused(tokens: TokenClass): Variant {
  const key = `refused.${tokens}`;
  return { name: key, measure: (bed) => load(bed, { key, server: () => carnet(bed), tokens, status: 400 }) };
}

function core(bed: TestBed): Promise<Server> {
  return probed(bed, [benchFile('core-server.ts'), bed.materialFile]);
}

/** What bin/carnet executes, without the shell script that finds Node. */
const CARNET = [benchFile('../src/main.ts'), 'serve', '--config'];

async function carnet(bed: TestBed): Promise<Server> {
  return await probed(bed, [...CARNET, await install(bed.folder, [bed.resources])]);
}

function probed({ cores }: TestBed, args: readonly string[]): Promise<Server> {
  return startServer({ prefix: cores.server, args: ['--import', benchFile('probe.ts'), ...args] });
}

interface Load {
  readonly key: string;
  readonly server: () => Promise<Server>;
  readonly tokens?: TokenClass;
  readonly status?: number;
}

/** Server CPU per request after a warm-up. */
async function load(bed: TestBed, { key, server: start, tokens = 'accepted', status = 200 }: Load) {
  const { counts, cores, materialFile } = bed;
  const server = await start();
  const client = startClient(cores.client, [server.url, materialFile, tokens, String(status)]);
  try {
    await client.send(counts.warmRequests);
    const before = await server.cpuMicros();
    await client.send(counts.requests);
    return { [key]: ((await server.cpuMicros()) - before) / counts.requests };
  } finally {
    await client.stop();
    await server.stop();
  }
}

/** Times from the start of a process until it listens, and the memory that it has a second later. */
async function starts(bed: TestBed) {
  const { cores, folder, resources } = bed;
  const few = await install(folder, [resources]);
  const many = await install(folder, [resources, ...mappingFiles(10_000)]);
  const start = (args: readonly string[]) => startedAlone({ prefix: cores.server, args });
  const node = await start([benchFile('bare-server.js')]);
  const empty = await start([...CARNET, few]);
  const first = await start([...CARNET, many]);
  const again = await start([...CARNET, many]);
  return {
    'start.node': node.milliseconds,
    'start.few': empty.milliseconds,
    'start.first': first.milliseconds,
    'start.again': again.milliseconds,
    'rss.node': node.mebibytes,
    'rss.few': empty.mebibytes,
    'rss.many': again.mebibytes,
  };
}

async function startedAlone(command: Parameters<typeof startServer>[0]) {
  const server = await startServer(command);
  try {
    await setTimeout(1000);
    const kibibytes = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(server.pid)], { encoding: 'utf8' }));
    return { milliseconds: server.startedInMs, mebibytes: kibibytes / 1024 };
  } finally {
    await server.stop();
  }
}
