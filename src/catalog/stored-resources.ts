import type { Provenance } from '../core/author.ts';
import { inTurns } from '../core/in-turns.ts';
import type { JsonObject } from '../core/json.ts';
import { KINDS, type Kind } from '../resources/document.ts';
import { type DocumentStore, type DocumentWrite, KEPT_COLLECTION } from '../store/document-store.ts';
import type { HeldStops } from './held-stops.ts';
import { besideOther, type HeldStop, isAmong } from './stop-document.ts';
import { type StoredVersion, storedValue, versionFrom } from './stored-value.ts';

/** Name of the collection in the store: every version of its documents is kept. */
const RESOURCES = KEPT_COLLECTION;

/** How names of emergency stops begin. */
const STOP = 'Guardrail/stop-';

/** One document as text, under the identity of its source; the same object as long as the store has no other version. */
export interface ResourceText extends Provenance {
  readonly source: string;
  readonly text: string;
}

/** What was read of one document. */
interface Read {
  readonly version: number;
  /** Absent where it was deleted. */
  readonly text?: ResourceText;
}

/** What the store holds of one kind and name. */
export interface StoredResource extends StoredVersion {
  /** 0 when there has never been one. It grows with each change, a deletion too, and never starts anew. */
  readonly version: number;
}

/** Resources of one moment. */
export interface AllResources {
  /** Version 0 when there has never been one. */
  get(kind: Kind, name: string): StoredResource;
  /** Those that there are of a set. */
  ofSet(set: string): readonly { readonly kind: Kind; readonly name: string; readonly before: StoredResource }[];
}

/** One write, over the version that the writer knows. */
export interface ResourceWrite extends Provenance {
  readonly kind: Kind;
  readonly name: string;
  /** Undefined deletes. */
  readonly document: JsonObject | undefined;
  readonly ifVersion: number;
}

/** The source of a stored document. No path of a file looks like it. */
export function storedSource(kind: Kind, name: string): string {
  return `store:/${kind}/${name}`;
}

/**
 * Resource documents that were written through the API, a second source beside the files. They are kept as they were
 * written and go through the same reader as files do, so that a rule that is new in a later version holds for them too.
 */
export class StoredResources {
  readonly #store: DocumentStore;
  readonly #held: HeldStops | undefined;
  /** What was read last, by kind and name. */
  #last: Map<string, Read> | undefined;
  /** Those of them that are emergency stops. */
  #lastStops: readonly ResourceText[] = [];
  #stale = false;
  #changes = 0;
  #turn: Promise<unknown> = Promise.resolve();

  /** `held`: stops that the store may not have; they are read as if it had them. */
  constructor(store: DocumentStore, held?: HeldStops) {
    this.#store = store;
    this.#held = held;
  }

  /** Changes seen since the start: what tells a changed store from an unchanged one without reading it. */
  get changes(): number {
    return this.#changes;
  }

  /** Whether the last reading could not be had and gave what had been read before. */
  get stale(): boolean {
    return this.#stale;
  }

  /** Calls back after each change, by whichever replica. Returns the way to stop. */
  watch(onChange: () => void): () => void {
    return this.#store.watch(RESOURCES, () => {
      this.#changes += 1;
      onChange();
    });
  }

  /**
   * Every document. While the store cannot be read: those that were read last, `stale`, so that its outage neither takes
   * anything out of force nor holds up a change of the files. Throws what the store throws before the first reading.
   */
  async read(): Promise<{ readonly texts: readonly ResourceText[]; readonly stale: boolean }> {
    try {
      await this.#readChanged();
      this.#stale = false;
    } catch (error) {
      if (this.#last === undefined) throw error;
      this.#stale = true;
    }
    // Those of which the store tells no history now stay held.
    if (!this.#stale) await this.#settle().catch(() => undefined);
    const last = textsOf(this.#last?.values() ?? []);
    return { texts: [...last, ...this.#heldTexts()], stale: this.#stale };
  }

  /** Readings come one after the other, so that the last is of the last moment, whatever versions it finds. */
  #readChanged(): Promise<ReadonlyMap<string, Read>> {
    const turn = this.#turn.then(() => this.#readOnce());
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** What the store has otherwise than it was read last is read, and nothing else. */
  async #readOnce(): Promise<ReadonlyMap<string, Read>> {
    const last = this.#last ?? new Map<string, Read>();
    const changed = await this.#store.list(RESOURCES, last);
    const read = await inTurns(changed, ({ name, value, version }) => {
      const { document, ...provenance } = versionFrom(value);
      const text = document && { ...provenance, source: `store:/${name}`, text: JSON.stringify(document) };
      return [name, { version, ...(text && { text }) }] as const;
    });
    // At once, for a change of many is whole. A store that was restored from a backup has lower versions.
    for (const [name, one] of read) if (last.get(name)?.version !== one.version) last.set(name, one);
    this.#last = last;
    if (changed.some(({ name }) => name.startsWith(STOP))) {
      this.#lastStops = textsOf([...last].flatMap(([name, one]) => (name.startsWith(STOP) ? [one] : [])));
    }
    return last;
  }

  /** Emergency stops of the last reading and those that are held; asks nobody. */
  stops(): readonly ResourceText[] {
    return [...this.#lastStops, ...this.#heldTexts()];
  }

  async get(kind: Kind, name: string): Promise<StoredResource> {
    const stored = await this.#store.get(RESOURCES, `${kind}/${name}`);
    if (stored === undefined) return { version: 0 };
    return { ...versionFrom(stored.value), version: stored.version };
  }

  /** Every resource that there is or has been, as the store has it now. Throws what the store throws. */
  async all(): Promise<AllResources> {
    const all = await this.#readChanged();
    return {
      get: (kind, name) => resourceOf(all.get(`${kind}/${name}`) ?? { version: 0 }),
      ofSet: (set) =>
        [...all].flatMap(([key, read]) => {
          if (read.text?.set !== set) return [];
          const kind = KINDS.find((one) => key.startsWith(`${one}/`));
          return kind === undefined ? [] : [{ kind, name: key.slice(kind.length + 1), before: resourceOf(read) }];
        }),
    };
  }

  /** Every version that is kept, ascending. */
  async history(kind: Kind, name: string): Promise<readonly StoredResource[]> {
    const versions = await this.#store.history(RESOURCES, `${kind}/${name}`);
    return versions.map(({ value, version }) => ({ ...versionFrom(value), version }));
  }

  /** Resolves to the new version; throws VersionConflict. */
  put(write: ResourceWrite): Promise<number> {
    const { collection, name, value, ifVersion } = stored(write);
    return this.#store.put(collection, name, value, ifVersion);
  }

  /** Writes all or none; throws VersionConflict. */
  putAll(writes: readonly ResourceWrite[]): Promise<void> {
    return this.#store.putAll(writes.map(stored));
  }

  /**
   * Writes a stop as it was held, over one of its name that was ended before too; not where the store has had it, nor where
   * it has another one of its name. Throws VersionConflict.
   */
  async putStop(stop: HeldStop): Promise<void> {
    const versions = await this.history('Guardrail', stop.name);
    const last = versions.at(-1);
    if (last?.document !== undefined || isAmong(stop, versions)) return;
    await this.put({ ...stop, kind: 'Guardrail', ifVersion: last?.version ?? 0 });
  }

  async #settle(): Promise<void> {
    const known = new Map<string, readonly StoredResource[]>();
    for (const { name } of this.#held?.all() ?? []) {
      if (this.#last?.has(`Guardrail/${name}`)) known.set(name, await this.history('Guardrail', name));
    }
    await this.#held?.settle(known);
  }

  /**
   * Beside what was read, also before that is settled: two documents of one name would both be faults, so what the store has
   * counts once, and where it has another one the stop counts by the name that it will be held on under.
   */
  #heldTexts(): readonly ResourceText[] {
    return (this.#held?.all() ?? []).flatMap((stop) => {
      const known = this.#textOf(stop);
      if (known === undefined) return [heldText(stop)];
      const renamed = besideOther(stop);
      const isKnown = known.text === JSON.stringify(stop.document) || this.#textOf(renamed) !== undefined;
      return isKnown ? [] : [heldText(renamed)];
    });
  }

  #textOf({ name }: HeldStop): ResourceText | undefined {
    return this.#last?.get(`Guardrail/${name}`)?.text;
  }
}

function heldText({ name, document, author, at }: HeldStop): ResourceText {
  return { author, at, source: storedSource('Guardrail', name), text: JSON.stringify(document) };
}

function resourceOf({ version, text }: Read): StoredResource {
  if (text === undefined) return { version };
  const { source: _, text: json, ...provenance } = text;
  return { ...provenance, version, document: JSON.parse(json) as JsonObject };
}

function textsOf(read: Iterable<Read>): readonly ResourceText[] {
  const texts: ResourceText[] = [];
  for (const { text } of read) if (text !== undefined) texts.push(text);
  return texts;
}

function stored({ kind, name, ifVersion, document, ...provenance }: ResourceWrite): DocumentWrite {
  const value = storedValue({ ...provenance, ...(document !== undefined && { document }) });
  return { collection: RESOURCES, name: `${kind}/${name}`, value, ifVersion };
}
