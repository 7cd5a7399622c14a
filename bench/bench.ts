import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { type Cores, findCores } from './cores.ts';
import { type Expected, type Figure, figuresOf, type Round } from './figures.ts';
import { install } from './installation.ts';
import { type Material, prepareMaterial } from './material.ts';
import { type Options, readOptions } from './options.ts';
import { drawPlots } from './plots.ts';
import { benchFile, startServer } from './processes.ts';
import { table } from './table.ts';
import type { TestBed, Variant } from './test-bed.ts';
import { VARIANTS, variantsNamed } from './variants.ts';

const VAR = join(import.meta.dirname, '../var/bench');
const IMAGES = join(import.meta.dirname, '../docs/img');

await bench(readOptions(process.argv.slice(2)));

async function bench(options: Options): Promise<void> {
  const variants = variantsNamed(options.only);
  const startedAt = new Date();
  const loadBefore = loadavg();
  await mkdir(VAR, { recursive: true });
  const folder = await mkdtemp(join(VAR, 'run-'));
  const cores = findCores();
  try {
    const bed = await prepare(folder, cores, options);
    const file = join(VAR, `${startedAt.toISOString().replaceAll(':', '-').slice(0, 19)}.json`);
    const rounds: Round[] = [];
    let run: Run | undefined;
    while (rounds.length < options.rounds) {
      rounds.push(await oneRound(bed, variants, { round: rounds.length + 1, of: options.rounds }));
      const machine = { ...describeMachine(cores), loadBefore, loadAfter: loadavg() };
      run = { startedAt, options, machine, figures: figuresOf(rounds, expectedOf(rounds, variants)), rounds };
      // After each round, so that a run which is broken off leaves what it has.
      await writeFile(file, report(run));
    }
    progress('');
    if (run === undefined) return;
    if (options.plots) await drawPlots(rounds, IMAGES);
    console.log(table(run.figures, process.stdout.isTTY === true || process.env['FORCE_COLOR'] !== undefined));
    console.log(`\n${summary(options, run.machine)}\n${file}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function prepare(folder: string, cores: Cores, { counts }: Options): Promise<TestBed> {
  progress('preparing: tokens, keys and one exchange that must succeed');
  const prepared = await prepareMaterial();
  const answer = await exchangeOnce(folder, prepared);
  const materialFile = join(folder, 'material.json');
  await writeFile(materialFile, JSON.stringify({ ...prepared, answer } satisfies Material));
  const { resources, certificate } = prepared;
  return { folder, materialFile, resources, certificate, counts, cores };
}

/** One accepted token through the product: a bench whose exchanges were refused would be fast. */
async function exchangeOnce(folder: string, { resources, bodies }: Omit<Material, 'answer'>): Promise<string> {
  const configFile = await install(folder, [resources]);
  const server = await startServer({
    prefix: [],
    args: [benchFile('../src/main.ts'), 'serve', '--config', configFile],
  });
  try {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = bodies.accepted[0] ?? null;
    const answer = await fetch(`${server.url}/oauth2/token`, { method: 'POST', headers, body });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`the exchange was answered ${answer.status}: ${text}`);
    return text;
  } finally {
    await server.stop();
  }
}

async function oneRound(
  bed: TestBed,
  variants: readonly Variant[],
  { round, of }: { readonly round: number; readonly of: number },
): Promise<Round> {
  const figures: Record<string, number> = {};
  for (const [index, variant] of variants.entries()) {
    if (variant.once && round > 1) continue;
    progress(`round ${round} of ${of}  ${index + 1}/${variants.length}  ${variant.name}`);
    Object.assign(figures, await variant.measure(bed));
  }
  return figures;
}

/** All rows where all variants ran, else those that the first round has. Rows of a variant begin with its name. */
function expectedOf([first = {}]: readonly Round[], variants: readonly Variant[]): Expected {
  const whole = variants.length === VARIANTS.length;
  const once = variants.filter((variant) => variant.once);
  return {
    has: (key) => whole || key in first,
    once: (key) => once.some(({ name }) => key.startsWith(`${name}.`)),
  };
}

/** One line that is written over on a terminal, and a line each elsewhere. */
function progress(text: string): void {
  if (process.stderr.isTTY === true) process.stderr.write(`\r\u001b[K${text}`);
  else if (text !== '') process.stderr.write(`${text}\n`);
}

function describeMachine({ pinned }: Cores) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: VAR, encoding: 'utf8' }).trim();
  const model = cpus()[0]?.model ?? 'unknown';
  return {
    commit,
    node: process.version,
    openssl: process.versions.openssl,
    cpu: model,
    cores: availableParallelism(),
    pinned,
  };
}

interface Run {
  readonly startedAt: Date;
  readonly options: Options;
  readonly machine: ReturnType<typeof describeMachine> & {
    readonly loadBefore: number[];
    readonly loadAfter: number[];
  };
  readonly figures: readonly Figure[];
  readonly rounds: readonly Round[];
}

function report({ startedAt, options, ...rest }: Run): string {
  return `${JSON.stringify({ startedAt: startedAt.toISOString(), options, ...rest }, undefined, 2)}\n`;
}

function summary({ rounds, quick }: Options, machine: Run['machine']): string {
  const { node, cpu, cores, pinned, loadBefore, loadAfter } = machine;
  const load = `load ${loadBefore[0]?.toFixed(1)} before, ${loadAfter[0]?.toFixed(1)} after`;
  const worth = quick ? ' Quick mode: these are no figures.' : '';
  const where = pinned ? 'server and client on a core each' : 'not pinned to cores';
  return `${rounds} ${rounds === 1 ? 'round' : 'rounds'}, Node ${node}, ${cores} cores of ${cpu}, ${load}, ${where}.${worth}`;
}
