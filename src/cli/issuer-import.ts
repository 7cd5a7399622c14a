import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { createOutbound } from '../outbound/guarded-outbound.ts';
import type { Outbound } from '../outbound/outbound.ts';
import {
  accessOf,
  type KubeAccess,
  type Kubeconfig,
  KubeconfigError,
  readKubeconfig,
} from '../resources/kubeconfig.ts';
import { readDocuments } from '../resources/read-documents.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { ApiServerError, reachByKubeconfig } from '../verifiers/api-server.ts';
import { KeyFetchError } from '../verifiers/key-fetch.ts';
import { type ClusterDiscovery, discoverCluster } from '../verifiers/kubeconfig-discovery.ts';
import { SmallFileError } from '../verifiers/small-file.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import { type IssuerDocument, issuerDocument, labelOf } from './issuer-documents.ts';
import { printable, styleOf } from './style.ts';
import type { Surroundings } from './surroundings.ts';
import { table } from './table.ts';

export interface IssuerImportOptions {
  /** Names, each with any number of `*`. */
  readonly contexts?: string;
  readonly kubeconfig?: string;
  readonly audience: string;
  /** Absent: nothing is written. */
  readonly out?: string;
  readonly output: 'table' | 'json';
}

/** What was found at one context; `why` says what is missing. Never holds a credential. */
interface Row {
  readonly context: string;
  readonly name?: string;
  readonly issuer?: string;
  readonly reachable: boolean;
  /** Usable ones. */
  readonly keys?: number;
  readonly source?: 'discovery' | 'static';
  /** Needs to be in `outbound.allowOrigins` when the address is private. */
  readonly origin?: string;
  readonly why?: string;
}

interface Answer {
  readonly context: string;
  readonly server?: string;
  readonly ca?: string | undefined;
  readonly discovery?: ClusterDiscovery;
  readonly why?: string;
}

interface Imported {
  readonly row: Row;
  readonly document?: IssuerDocument;
}

const AT_ONCE = 8;

/**
 * `carnet issuer import`: asks the API server of each context for its issuer and keys, prints what was found, and writes
 * TrustedIssuers with the files that they name. No file is ever overwritten.
 */
export async function issuerImport(options: IssuerImportOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { contexts: pattern, out } = options;
  if (pattern === undefined)
    throw new CommandError(ExitCode.usage, "give --contexts: names of contexts, as in 'prod-*'");
  const path = kubeconfigPath(options.kubeconfig, surroundings);
  const kubeconfig = load(path);
  const names = [...kubeconfig.contexts.keys()].filter((name) => matches(name, pattern));
  if (names.length === 0) {
    const known = [...kubeconfig.contexts.keys()].map(printable).join(', ');
    throw new CommandError(ExitCode.refused, `no context is named ${printable(pattern)}; there are: ${known}`);
  }
  const file = out === undefined ? undefined : resolve(surroundings.workingDirectory, out);
  if (file !== undefined) refuseExisting(file);
  const answers = await askAll(names, { kubeconfig, folder: dirname(path) }, surroundings);
  const imported = documentsOf(answers, options.audience, surroundings.clock.now());
  if (file !== undefined) write(file, imported);
  report(imported, options, surroundings);
  return imported.every(({ document }) => document !== undefined) ? ExitCode.ok : ExitCode.unavailable;
}

function kubeconfigPath(given: string | undefined, { env, workingDirectory }: Surroundings): string {
  const named = given ?? env['KUBECONFIG'] ?? '';
  if (given === undefined && named.includes(':')) {
    throw new CommandError(ExitCode.usage, 'KUBECONFIG names several files; give one with --kubeconfig');
  }
  if (named !== '') return resolve(workingDirectory, named);
  const home = env['HOME'];
  if (home === undefined) throw new CommandError(ExitCode.usage, 'give --kubeconfig');
  return join(home, '.kube/config');
}

function load(path: string): Kubeconfig {
  try {
    return readKubeconfig(readFileSync(path, 'utf8'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? `cannot be read (${String(error.code)})` : undefined;
    if (code === undefined && !(error instanceof KubeconfigError)) throw error;
    const why = code ?? (error instanceof Error ? error.message : '');
    throw new CommandError(ExitCode.configuration, `${path}: ${printable(why)}`, { cause: error });
  }
}

/** Each `*` stands for any text. Linear in the name, whatever the pattern. */
function matches(name: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return name === pattern;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  const end = name.length - last.length;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

interface Source {
  readonly kubeconfig: Kubeconfig;
  readonly folder: string;
}

async function askAll(names: readonly string[], source: Source, { err }: Surroundings): Promise<readonly Answer[]> {
  const accesses = names.map((context) => ({ context, ...accessTo(source.kubeconfig, context) }));
  const allowOrigins = accesses.flatMap(({ access }) => (access === undefined ? [] : [new URL(access.server).origin]));
  const outbound = createOutbound({ allowOrigins, allowLoopbackHttp: false, metrics: createMetrics() });
  const answers: Answer[] = [];
  const waiting = [...accesses.entries()];
  let done = 0;
  const progress = () => {
    if (err.isTTY === true) err.write(`\rasked ${done} of ${names.length}`);
  };
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [at, { context, access, why }] = next;
      answers[at] =
        access === undefined ? { context, why } : await ask(context, access, { outbound, folder: source.folder });
      done += 1;
      progress();
    }
  };
  progress();
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } finally {
    if (err.isTTY === true) err.write('\r\u001b[K');
    await outbound.close();
  }
  return answers;
}

function accessTo(kubeconfig: Kubeconfig, context: string): { access?: KubeAccess; why: string } {
  try {
    return { access: accessOf(kubeconfig, context), why: '' };
  } catch (error) {
    if (error instanceof KubeconfigError) return { why: error.message };
    throw error;
  }
}

async function ask(
  context: string,
  access: KubeAccess,
  { outbound, folder }: { outbound: Outbound; folder: string },
): Promise<Answer> {
  try {
    const server = await reachByKubeconfig(access, folder);
    return { context, server: server.url, ca: server.ca, discovery: await discoverCluster(server, outbound) };
  } catch (error) {
    const known = error instanceof KeyFetchError || error instanceof ApiServerError || error instanceof SmallFileError;
    if (known) return { context, server: access.server, why: error.message };
    throw error;
  }
}

/** Names and audiences are given here, one after the other, so that they do not depend on who answered first. */
function documentsOf(answers: readonly Answer[], audience: string, now: number): readonly Imported[] {
  const labels = new Set<string>();
  const shownBy = new Map<string, string>();
  const issuers = answers.map(({ discovery }) => discovery?.issuer);
  return answers.map((answer) => {
    const { context, server, discovery } = answer;
    if (server === undefined || discovery === undefined) {
      return { row: { context, reachable: false, why: answer.why ?? '' } };
    }
    const { issuer, thumbprints, anonymous } = discovery;
    const found = { context, issuer, reachable: true, keys: thumbprints.length };
    const twin = thumbprints.map((thumbprint) => shownBy.get(thumbprint)).find((other) => other !== undefined);
    if (twin !== undefined) return { row: { ...found, why: `shows a key of context ${twin}: the same cluster` } };
    for (const thumbprint of thumbprints) shownBy.set(thumbprint, context);
    const name = labelOf(context, labels);
    const isShared = issuers.filter((other) => other === issuer).length > 1;
    const own = isShared ? `${audience}/${name}` : audience;
    const document = issuerDocument({ context, name, server, ca: answer.ca, audience: own, discovery });
    const fault = faultOf(document, now);
    if (fault !== undefined) return { row: { ...found, why: fault } };
    const source = anonymous ? 'discovery' : 'static';
    return { row: { ...found, name, source, origin: new URL(server).origin }, document };
  });
}

/** What Carnet itself would say of the document: an issuer may name itself by what none may have. */
function faultOf({ text }: IssuerDocument, now: number): string | undefined {
  const { faults } = readDocuments(text, { id: 'import', baseDirectory: '/' }, { development: false, now });
  const [first] = faults;
  return first === undefined ? undefined : `${first.field} ${first.message}`;
}

function refuseExisting(path: string): void {
  if (!existsSync(path)) return;
  throw new CommandError(ExitCode.configuration, `${basename(path)} is there already; nothing is overwritten`);
}

function write(out: string, imported: readonly Imported[]): void {
  const documents = imported.flatMap(({ document }) => document ?? []);
  if (documents.length === 0) return;
  const files = documents.flatMap((document) => Object.entries(document.files));
  const all = [[basename(out), documents.map(({ text }) => text).join('---\n')] as const, ...files];
  for (const [name] of all) refuseExisting(join(dirname(out), name));
  try {
    for (const [name, text] of all.toReversed()) writeFileSync(join(dirname(out), name), text, { flag: 'wx' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new CommandError(ExitCode.configuration, `the documents cannot be written (${code})`, { cause: error });
  }
}

function report(imported: readonly Imported[], options: IssuerImportOptions, { out, err, env }: Surroundings): void {
  const rows = imported.map(({ row }) => row);
  const allowOrigins = [...new Set(rows.flatMap(({ origin }) => origin ?? []))];
  if (options.output === 'json') {
    out.write(`${JSON.stringify({ contexts: rows, allowOrigins }, null, 2)}\n`);
    return;
  }
  const cells = rows.map(({ context, issuer = '', reachable, keys, source, why = '' }) => {
    const how = source === undefined ? '' : source === 'static' ? ', a copy' : ', fetched';
    return [context, issuer, reachable ? 'yes' : 'no', keys === undefined ? '' : `${keys}${how}`, why];
  });
  out.write(table(['context', 'issuer', 'reachable', 'keys', 'why not'], cells, styleOf(out, env)));
  if (allowOrigins.length > 0) {
    out.write('\nWhere these addresses are private, carnet.yaml needs:\noutbound:\n  allowOrigins:\n');
    for (const origin of allowOrigins) out.write(`    - ${origin}\n`);
  }
  if (rows.some(({ source }) => source === 'static')) {
    err.write('\nA copy of keys does not follow a rotation; the documents say how to have the keys fetched.\n');
  }
  if (options.out === undefined) err.write('\nNothing was written; name a file with --out.\n');
}
