import type { Clock } from '../core/clock.ts';
import { isForgotten } from '../resources/access-request.ts';
import { VersionConflict } from '../store/document-store.ts';
import type { AccessRequests } from './access-requests.ts';

const PAUSE_MS = 3_600_000;
/** Twelve times as many a day as workloads can leave behind. */
const MOST_AT_ONCE = 500;

interface ClearingDeps {
  readonly access: Pick<AccessRequests, 'current' | 'get' | 'delete'>;
  readonly clock: Clock;
  /** Told when the store cannot be used: the next hour tries again. Must not throw. */
  readonly onFailure: (cause: unknown) => void;
  /** Calls back each hour until the returned function is called. */
  readonly everyHour?: (run: () => void) => () => void;
}

/** Takes ended requests away once nobody misses them, so that they do not fill the room that new ones need. */
export class AccessClearing {
  readonly #deps: ClearingDeps;
  readonly #stop: () => void;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: ClearingDeps) {
    this.#deps = deps;
    this.#stop = (deps.everyHour ?? realHours)(() => void this.run());
  }

  /** Never rejects. Runs come one after the other. */
  run(): Promise<void> {
    this.#running = this.#running.then(() => this.#clear()).catch(this.#deps.onFailure);
    return this.#running;
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#running;
  }

  async #clear(): Promise<void> {
    const { access, clock } = this.#deps;
    const now = clock.now();
    const forgotten = [...access.current()].filter(([, seen]) => isForgotten(seen, now));
    for (const [name] of forgotten.slice(0, MOST_AT_ONCE)) {
      const { version, request } = await access.get(name);
      // Asked anew meanwhile, or taken away by another replica.
      if (request === undefined || !isForgotten(request, now)) continue;
      await access.delete(name, version).catch((cause) => {
        if (!(cause instanceof VersionConflict)) throw cause;
      });
    }
  }
}

function realHours(run: () => void): () => void {
  const timer = setInterval(run, PAUSE_MS).unref();
  return () => clearInterval(timer);
}
