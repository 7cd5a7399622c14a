import { setTimeout } from 'node:timers/promises';
import { newConnection, storm } from './connections.ts';
import type { Cores } from './cores.ts';
import { growth } from './growth.ts';
import { install } from './installation.ts';
import { latency, overload } from './latency.ts';
import { exchangeCore, exchangeFew, exchangeFull, exchangeTwo, floor, peer, refused, refusedBusy } from './load.ts';
import { mappingFiles } from './material.ts';
import { benchFile, type Command, figuresOf, startServer } from './processes.ts';
import { CARNET, type Measured, residentMebibytes, type TestBed, type Variant } from './test-bed.ts';

/** In the order in which a round runs them: what is compared most stands close together. */
export const VARIANTS: readonly Variant[] = [
  primitive('verify.sync'),
  primitive('sign.sync'),
  floor('node'),
  exchangeCore,
  exchangeFull,
  exchangeFew,
  peer,
  exchangeTwo,
  refused('malformed'),
  refused('unknownIssuer'),
  refused('badSignature'),
  refused('repeatedForgery'),
  refused('expired'),
  refusedBusy,
  newConnection('tls.new'),
  newConnection('tls.resumed'),
  floor('fastify'),
  primitive('verify.jose'),
  primitive('sign.jose'),
  latency,
  overload,
  storm(1),
  storm(2),
  ...[10, 1000, 100_000].map(decision),
  { name: 'misses', measure: ({ cores, counts }) => script(cores, ['key-misses.ts', String(counts.misses)]) },
  {
    name: 'load',
    measure: (bed) => mappingLoad(bed, 'load', 10_000),
  },
  { name: 'loadmany', once: true, measure: (bed) => mappingLoad(bed, 'loadmany', bed.counts.mappings) },
  { name: 'start', measure: starts },
  growth,
];

/** Those that were asked for by name, or by the part of it before a dot. Throws for a name that there is not. */
export function variantsNamed(only: readonly string[]): readonly Variant[] {
  const named = ({ name }: Variant, wanted: string) => name === wanted || name.startsWith(`${wanted}.`);
  const unknown = only.find((wanted) => !VARIANTS.some((variant) => named(variant, wanted)));
  if (unknown !== undefined) throw new Error(`--only: there is no ${unknown}`);
  return only.length === 0 ? VARIANTS : VARIANTS.filter((variant) => only.some((wanted) => named(variant, wanted)));
}

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

function mappingLoad({ cores, materialFile }: TestBed, name: string, count: number): Promise<Measured> {
  return script(cores, ['--expose-gc', 'mapping-load.ts', name, String(count), materialFile]);
}

function script(cores: Cores, words: readonly string[]): Promise<Measured> {
  const args = words.map((word) => (word.endsWith('.ts') ? benchFile(word) : word));
  return figuresOf({ prefix: cores.server, args });
}

/** Times from the start of a process until it listens, and the memory that it has a second later. */
async function starts({ cores, folder, resources }: TestBed): Promise<Measured> {
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

async function startedAlone(command: Command) {
  const server = await startServer(command);
  try {
    await setTimeout(1000);
    return { milliseconds: server.startedInMs, mebibytes: residentMebibytes(server) };
  } finally {
    await server.stop();
  }
}
