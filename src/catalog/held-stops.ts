import { readFile } from 'node:fs/promises';
import { replaceFile } from '../store/replace-file.ts';
import { besideOther, type HeldStop, isAmong, MAX_STOPS, stopsFrom, stopsText } from './stop-document.ts';
import type { StoredVersion } from './stored-value.ts';

/** Told of a stop that is held on under another name. Must not throw. */
type OnRenamed = (name: string, renamed: string) => void;

/** The file of the stops is there and holds none: whoever runs Carnet restores it, or ends the stops that it held. */
export class StopsDamaged extends Error {
  override readonly name = 'StopsDamaged';

  constructor(path: string) {
    super(`${path} holds no emergency stops; restore it, or remove it to end them`);
  }
}

/**
 * Emergency stops that this replica keeps by itself until the store has them: in memory, and in a file (0600) that a
 * restart finds. The file is replaced as a whole, so that a crash leaves the old or the new one.
 */
export class HeldStops {
  readonly #path: string;
  readonly #stops: Map<string, HeldStop>;
  readonly #onRenamed: OnRenamed;
  #written: Promise<void> = Promise.resolve();

  /** Throws StopsDamaged, and what the file system throws: starting without stops that were there would end them. */
  static async open(path: string, onRenamed?: OnRenamed): Promise<HeldStops> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return '[]';
    });
    const stops = stopsFrom(text);
    if (stops === undefined) throw new StopsDamaged(path);
    return new HeldStops(path, stops, onRenamed);
  }

  constructor(path: string, stops: readonly HeldStop[] = [], onRenamed: OnRenamed = () => undefined) {
    this.#path = path;
    this.#onRenamed = onRenamed;
    this.#stops = new Map(stops.map((stop) => [stop.name, stop]));
  }

  all(): readonly HeldStop[] {
    return [...this.#stops.values()];
  }

  has(name: string): boolean {
    return this.#stops.has(name);
  }

  isFull(): boolean {
    return this.#stops.size >= MAX_STOPS;
  }

  /** Resolves once a restart would find it. When that fails it is held in memory all the same. */
  async hold(stop: HeldStop): Promise<void> {
    this.#stops.set(stop.name, stop);
    await this.#write();
  }

  /**
   * By all versions that the store has of a name: lets go of what it has had, whatever somebody made of it since. Where
   * it has another stop, this one is held on under a name of its own: of two that were put through two replicas at once none
   * is lost. Where it has one that was ended before, this one is held as it is.
   */
  async settle(known: ReadonlyMap<string, readonly StoredVersion[]>): Promise<void> {
    const settled = this.all().filter((stop) => {
      const versions = known.get(stop.name) ?? [];
      return isAmong(stop, versions) || versions.at(-1)?.document !== undefined;
    });
    if (settled.length === 0) return;
    for (const stop of settled) {
      this.#stops.delete(stop.name);
      if (isAmong(stop, known.get(stop.name) ?? [])) continue;
      const renamed = besideOther(stop);
      if (known.has(renamed.name)) continue;
      this.#stops.set(renamed.name, renamed);
      this.#onRenamed(stop.name, renamed.name);
    }
    // One that is left in the file is settled again after the next start.
    await this.#write().catch(() => undefined);
  }

  /** One after the other; each writes what is held by then. */
  #write(): Promise<void> {
    const written = this.#written.catch(() => undefined).then(() => replaceFile(this.#path, stopsText(this.all())));
    this.#written = written;
    return written;
  }
}
