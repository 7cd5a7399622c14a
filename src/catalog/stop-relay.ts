import { setTimeout as pass } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { Cache } from '../store/cache.ts';
import type { CacheSeal } from '../store/cache-seal.ts';
import { VersionConflict } from '../store/document-store.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Catalog } from './catalog.ts';
import type { HeldStops } from './held-stops.ts';
import { type HeldStop, isAmong, MAX_STOPS_BYTES, stopsFrom, stopsText } from './stop-document.ts';
import type { StoredResources } from './stored-resources.ts';

const KEY = 'stops';
/** Between half a second and one: replicas that write at the same time drift apart. */
const PAUSE_MS = 500;
/** What lies in the cache longer, clocks of replicas that differ included, is nobody's word any more. */
const MAX_AGE_MS = 60_000;
/** A store that does not say within this time whether it knows a stop is one that cannot be asked. */
const STORE_MS = 1000;
const HEAD = /^([0-9]{1,16})\n/;

interface StopRelayDeps {
  readonly held: HeldStops;
  readonly stored: StoredResources;
  readonly catalog: Pick<Catalog, 'loaded' | 'takeStops'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Absent where replicas share no cache. */
  readonly shared?: { readonly cache: Cache; readonly seal: CacheSeal };
  /** Told of each stop that another replica took and this one keeps. Must not throw. */
  readonly onTaken: (name: string) => void;
}

/**
 * Brings emergency stops that replicas keep by themselves to each other, through the cache that they share, and to the
 * store once it is back. What lies in the cache is believed only under the seal, young, and when it can do nothing but deny.
 */
export class StopRelay {
  readonly #deps: StopRelayDeps;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  #turn: Promise<void> = Promise.resolve();
  #rejected: string | undefined;
  #closed = false;

  constructor(deps: StopRelayDeps) {
    this.#deps = deps;
  }

  start(): void {
    void this.tell().finally(() => this.#later());
  }

  /** Exchanges stops with the other replicas now. Never rejects. */
  tell(): Promise<void> {
    const turn = this.#turn.then(() => this.#exchange());
    this.#turn = turn.catch((cause) => this.#deps.log.error('stops of other replicas cannot be taken', { cause }));
    return this.#turn;
  }

  /** Writes what is held to the store. Never rejects: what could not be written stays held. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#turn;
    await this.#flushing;
  }

  #later(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(
      () => {
        if (this.#deps.held.all().length > 0) void this.flush();
        void this.tell().finally(() => this.#later());
      },
      PAUSE_MS * (1 + Math.random()),
    ).unref();
  }

  async #flush(): Promise<void> {
    const { held, stored } = this.#deps;
    try {
      // A stop that finds another one under its name is held on under a name of its own, which the second round writes.
      for (let round = 0; round < 2 && held.all().length > 0; round += 1) {
        for (const stop of held.all()) {
          await stored.putStop(stop).catch((error) => {
            if (!(error instanceof VersionConflict)) throw error;
          });
        }
        // Settles what the store has, this replica's or another's.
        await stored.read();
      }
    } catch {
      // Tried again until the store is back, whose outage others tell of.
    }
  }

  async #exchange(): Promise<void> {
    const { shared, held, clock } = this.#deps;
    if (shared === undefined) return;
    const read = await shared.cache.get(KEY, MAX_STOPS_BYTES);
    if (read.outcome === 'hit') for (const stop of this.#believed(read.value, shared.seal)) await this.#take(stop);
    if (held.all().length === 0) return;
    const body = `${clock.now()}\n${stopsText(held.all())}`;
    await shared.cache.set(KEY, shared.seal.seal(body, [KEY]), MAX_AGE_MS);
  }

  #believed(value: string, seal: CacheSeal): readonly HeldStop[] {
    const body = seal.open(value, [KEY]);
    const [head = '', at] = HEAD.exec(body ?? '') ?? [];
    const stops = body === undefined || at === undefined ? undefined : stopsFrom(body.slice(head.length));
    if (stops !== undefined) return Math.abs(this.#deps.clock.now() - Number(at)) > MAX_AGE_MS ? [] : stops;
    if (value !== this.#rejected) this.#deps.log.error('stops in the cache are not believed', { part: 'cache' });
    this.#rejected = value;
    return [];
  }

  async #take(stop: HeldStop): Promise<void> {
    const { held, stored, catalog, onTaken } = this.#deps;
    const { name } = stop;
    const isHere = catalog.loaded().documents.some((one) => one.kind === 'Guardrail' && one.name === name);
    if (isHere || (held.isFull() && !held.has(name))) return;
    // One that is held and not in force could not be taken before.
    if (held.has(name)) return await catalog.takeStops();
    // One that the store has had is in force by it, or has been ended.
    const known = stored.history('Guardrail', name).then(
      (versions) => isAmong(stop, versions),
      () => false,
    );
    if (await Promise.race([known, pass(STORE_MS, false, { ref: false })])) return;
    await held.hold(stop).catch((cause) => this.#deps.log.error('a stop cannot be written to disk', { cause }));
    await catalog.takeStops();
    onTaken(name);
  }
}
