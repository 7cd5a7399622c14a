import type { Clock } from '../core/clock.ts';
import type { CompileContext } from '../policy/compile.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { ReadContext } from '../resources/context-checks.ts';
import type { Fault } from '../resources/document.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { AccessRequests } from './access-requests.ts';
import { type Candidate, type CandidateDocuments, candidate } from './candidate.ts';
import { type Compile, Compiling } from './compiling.ts';
import type { DeletedNames } from './deleted-names.ts';
import { errorCode } from './file-fault.ts';
import { signatureOf } from './file-source.ts';
import { FileWatch } from './file-watch.ts';
import { type Loaded, loadResources } from './load-resources.ts';
import { loadStops } from './load-stops.ts';
import type { ParsedTexts } from './parsed-texts.ts';
import { type Preview, preview, type StoredChange } from './preview.ts';
import { type KnownReadings, readResources } from './read-resources.ts';
import { type ReloadOutcome, Reloads, type Watching } from './reloads.ts';
import type { ResourceMemory } from './resource-memory.ts';
import { StartRefused } from './start-refused.ts';
import type { ResourceText, StoredResources } from './stored-resources.ts';
import { tell, withStopping } from './telling.ts';

export interface CatalogDeps {
  /** Resource files and folders, as configured. */
  readonly sources: readonly string[];
  /** The documents beside them. */
  readonly stored: StoredResources;
  readonly memory: ResourceMemory;
  /** What is left of the parsing of an earlier start, where there is a place for it. */
  readonly parsed?: ParsedTexts;
  readonly deletedNames: DeletedNames;
  /** What people have asked for and approved; absent: nothing. */
  readonly access?: Pick<AccessRequests, 'current'>;
  /** Told of each mapping that is back under the name of a deleted one, once that is durable. Must not throw. */
  readonly onNameReused?: (name: string) => void;
  readonly compile: Compile;
  readonly context: CompileContext & Pick<ReadContext, 'development'>;
  /** Told of a Snapshot before any request can see it. Must not throw. */
  readonly beforeSwap?: (snapshot: Snapshot) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'resources' | 'resourceFaults' | 'reloads'>;
  /** For tests. */
  readonly watching?: Watching;
}

export type { ReloadOutcome };

/** The one holder of the current Snapshot. */
export interface Catalog {
  /** Loads for the first time and begins to watch. Throws StartRefused, UnsteadyFiles, and what the store throws. */
  start(): Promise<void>;
  /** The Snapshot to decide one request on. Throws before `start` has resolved. */
  current(): Snapshot;
  /** Faults of the last reading that came to an end. */
  faults(): readonly Fault[];
  /** That reading with all its documents. Throws before `start` has resolved. */
  loaded(): Loaded;
  /** What other documents in the store would bring, or none of some names. Changes nothing. */
  preview(changes: readonly StoredChange[]): Promise<Preview>;
  /** What would be in force if these documents were. Changes nothing. */
  candidate(wanted: CandidateDocuments): Promise<Candidate>;
  /** Reads again. A reading that fails leaves the Snapshot as it was. Calls in between share one reading. */
  reload(): Promise<ReloadOutcome>;
  /**
   * Puts emergency stops in force that the last reading did not have, without reading anything: whatever is broken,
   * cannot be had or is being compiled, nobody waits for it (adr/0029).
   */
  takeStops(): Promise<void>;
  /** Calls back after each reload, with its outcome; listeners must not throw. Returns the way to stop. */
  onReload(listener: (outcome: ReloadOutcome) => void): () => void;
  close(): Promise<void>;
}

export function createCatalog(deps: CatalogDeps): Catalog {
  return new FileCatalog(deps);
}

class FileCatalog implements Catalog {
  readonly #deps: CatalogDeps;
  readonly #compiling: Compiling;
  readonly #reloads: Reloads;
  readonly #watch: FileWatch;
  readonly #listeners = new Set<(outcome: ReloadOutcome) => void>();
  #loaded: Loaded | undefined;
  /** The last of them with the access that came beside it, so that an exchange makes nothing. */
  #current: { readonly snapshot: Snapshot; readonly whole: Snapshot } | undefined;
  #known: KnownReadings = new Map();
  /** Of the last preview, which may be what comes next. */
  #previewed: KnownReadings = new Map();
  /** Signature of the last reading; undefined when it has to be done again. */
  #signature: string | undefined;
  /** Names of mappings of which it is durable that they are there. */
  #followed: ReadonlySet<string> | undefined;
  #unwatch: (() => void) | undefined;

  constructor(deps: CatalogDeps) {
    this.#deps = deps;
    this.#compiling = new Compiling(deps);
    const { watching } = deps;
    this.#reloads = new Reloads({ load: () => this.#attempt(), isOther: () => this.#isOther(), watching });
    this.#watch = new FileWatch(() => this.#reloads.soon());
  }

  async start(): Promise<void> {
    await this.#deps.memory.load();
    await this.#deps.deletedNames.load();
    // Watching begins before reading, so that no change falls between the two.
    this.#watch.add(this.#deps.sources);
    this.#unwatch = this.#deps.stored.watch(() => this.#reloads.soon());
    try {
      await this.#load();
    } catch (error) {
      this.#stopWatching();
      throw error;
    }
    this.#reloads.start();
  }

  current(): Snapshot {
    const { snapshot } = this.loaded();
    const access = this.#deps.access?.current() ?? snapshot.access;
    if (this.#current?.snapshot !== snapshot || this.#current.whole.access !== access) {
      this.#current = { snapshot, whole: { ...snapshot, access } };
    }
    return this.#current.whole;
  }

  faults(): readonly Fault[] {
    return this.#loaded?.faults ?? [];
  }

  loaded(): Loaded {
    if (this.#loaded === undefined) throw new Error('the catalog has not started');
    return this.#loaded;
  }

  async preview(changes: readonly StoredChange[]): Promise<Preview> {
    const previewed = await preview(changes, this.#beside());
    this.#previewed = previewed.known;
    return previewed;
  }

  candidate(wanted: CandidateDocuments): Promise<Candidate> {
    return candidate(wanted, this.#beside());
  }

  reload(): Promise<ReloadOutcome> {
    return this.#reloads.now();
  }

  async takeStops(): Promise<void> {
    const tried = new Set<string>();
    for (;;) {
      const before = this.loaded();
      const missing = this.#missingStops(before, tried);
      if (missing.length === 0) return;
      const after = await this.#withStops(before, missing);
      // Something else came into force meanwhile, and may lack them.
      if (this.#loaded !== before) continue;
      for (const { source } of missing) tried.add(source);
      this.#swap(after);
      for (const listener of this.#listeners) listener('changed');
    }
  }

  onReload(listener: (outcome: ReloadOutcome) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#stopWatching();
    await this.#reloads.close();
  }

  #stopWatching(): void {
    this.#watch.close();
    this.#unwatch?.();
  }

  async #attempt(): Promise<ReloadOutcome> {
    let outcome: ReloadOutcome = 'failed';
    try {
      const before = this.#loaded?.snapshot.revision;
      outcome = (await this.#load()).revision === before ? 'unchanged' : 'changed';
    } catch (error) {
      this.#signature = undefined;
      this.#deps.log.error('resources could not be read; the former ones stay in force', { cause: error });
      await this.#takeStopsAlone();
    }
    this.#deps.metrics.reloads.inc({ outcome });
    for (const listener of this.#listeners) listener(outcome);
    return outcome;
  }

  /** Reads, compiles, swaps, remembers; in this order, so that whatever throws before the swap changes nothing. */
  async #load(): Promise<Snapshot> {
    const { sources, memory, parsed } = this.#deps;
    const { changes, texts, stale } = await this.#readStore();
    const beside = { known: [this.#known, this.#previewed], stored: texts, ...(parsed && { parsed }) };
    const reading = await readResources(sources, this.#readContext(), beside);
    const inForce = this.#loaded;
    let loaded = await loadResources({ reading, memory, compiling: this.#compiling, inForce });
    if (inForce === undefined && loaded.stopping.length > 0) throw new StartRefused(withStopping(loaded));
    // Stops that came while it was compiled. From the last look for them to the swap nothing is waited for.
    const tried = new Set<string>();
    for (;;) {
      const missing = this.#missingStops(loaded, tried);
      if (missing.length === 0) break;
      loaded = await this.#withStops(loaded, missing);
      for (const { source } of missing) tried.add(source);
    }
    this.#known = reading.known;
    this.#previewed = new Map();
    this.#signature = stale || reading.unread.length > 0 ? undefined : `${changes} ${reading.signature}`;
    this.#swap(loaded);
    parsed?.keepSoon([...reading.known.values()].map(({ hash }) => hash));
    await this.#remember(loaded);
    return this.current();
  }

  #swap(loaded: Loaded): void {
    this.#deps.beforeSwap?.(loaded.snapshot);
    const former = this.faults();
    this.#loaded = loaded;
    tell(loaded, former, this.#deps);
  }

  /** What the store said of stops before a file failed counts all the same. */
  async #takeStopsAlone(): Promise<void> {
    await this.takeStops().catch((cause) => this.#deps.log.error('stops could not be taken', { cause }));
  }

  /** Those that were tried and are not there cannot be read. */
  #missingStops({ documents }: Loaded, tried: ReadonlySet<string>): readonly ResourceText[] {
    const stops = this.#deps.stored.stops();
    if (stops.length === 0) return stops;
    const there = new Set(documents.flatMap(({ kind, source }) => (kind === 'Guardrail' ? [source.id] : [])));
    return stops.filter(({ source }) => !there.has(source) && !tried.has(source));
  }

  #withStops(loaded: Loaded, missing: readonly ResourceText[]): Promise<Loaded> {
    return loadStops(missing, { ...this.#beside(loaded), memory: this.#deps.memory });
  }

  #beside(loaded = this.loaded()) {
    return { loaded, compiling: this.#compiling, readContext: this.#readContext() };
  }

  #readContext(): ReadContext {
    return { development: this.#deps.context.development, now: this.#deps.clock.now() };
  }

  async #readStore() {
    const { stored, log } = this.#deps;
    // Taken before reading: what is written meanwhile is read once more.
    const { changes } = stored;
    const { texts, stale } = await stored.read();
    if (stale) log.warn('the resources in the store cannot be read; those that were read last stay in force');
    return { changes, texts, stale };
  }

  async #remember({ documents, compiled: { accepted, mappingNames } }: Loaded): Promise<void> {
    const { memory, deletedNames, onNameReused, log } = this.#deps;
    try {
      const before = this.#followed ?? memory.names('FederationMapping');
      const back = before === mappingNames ? [] : await deletedNames.follow(before, mappingNames);
      for (const name of back) {
        log.warn('a mapping has the name of a deleted one, and what clouds trusted that with', { mapping: name });
        onNameReused?.(name);
      }
      const reordered = await memory.keep(documents, accepted);
      this.#followed = mappingNames;
      if (!reordered) return;
      this.#signature = undefined;
      this.#reloads.soon();
    } catch (error) {
      // The Snapshot stands without it; the next look tries again.
      this.#signature = undefined;
      log.error('the history of the resources could not be stored', { cause: error });
    }
  }

  async #isOther(): Promise<boolean> {
    // A folder may have come since.
    this.#watch.add(this.#deps.sources);
    if (this.#signature === undefined) return true;
    try {
      return `${this.#deps.stored.changes} ${await signatureOf(this.#deps.sources)}` !== this.#signature;
    } catch (error) {
      this.#deps.log.warn('resources could not be looked at', { cause: errorCode(error) });
      return true;
    }
  }
}
