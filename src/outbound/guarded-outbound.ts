import { X509Certificate } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type Resolve, systemResolve } from './checked-lookup.ts';
import { type Destination, type OriginRules, readDestination, readOrigin } from './destination.ts';
import type { Door } from './door.ts';
import { type Outbound, type OutboundAnswer, OutboundError, type OutboundRequest } from './outbound.ts';

const MAX_DOORS = 256;

export interface OutboundDeps {
  /** Exact origins that may be private addresses; `outbound.allowOrigins` and those named in `clouds`. */
  readonly allowOrigins: readonly string[];
  /** Development: http is legal, to a listed origin on loopback. */
  readonly allowLoopbackHttp: boolean;
  readonly metrics: Pick<Metrics, 'outbound'>;
  /** Times the breakers. */
  readonly clock?: Clock;
  readonly resolve?: Resolve;
}

/** The guarded way out over real sockets. Throws Error when `allowOrigins` holds something that is not an origin. */
export function createOutbound(deps: OutboundDeps): Outbound {
  return new GuardedOutbound(deps);
}

class GuardedOutbound implements Outbound {
  readonly #rules: OriginRules;
  readonly #metrics: Pick<Metrics, 'outbound'>;
  readonly #clock: Clock;
  readonly #resolve: Resolve;
  /** Least recently used first. */
  readonly #doors = new Map<string, Door>();
  #closed = false;

  constructor({
    allowOrigins,
    allowLoopbackHttp,
    metrics,
    clock = systemClock,
    resolve = systemResolve,
  }: OutboundDeps) {
    this.#rules = { allowOrigins: new Set(allowOrigins.map(readOrigin)), allowLoopbackHttp };
    this.#metrics = metrics;
    this.#clock = clock;
    this.#resolve = resolve;
  }

  async request(request: OutboundRequest): Promise<OutboundAnswer> {
    const { purpose } = request;
    try {
      const destination = readDestination(request.url, this.#rules);
      // Nobody waits for the HTTP client before something is asked for.
      const room = await import('./door.ts');
      if (this.#closed) throw new OutboundError('overloaded', 'the way out is closed');
      const answer = await this.#door(room, destination, request.ca).send(destination.url, request);
      this.#metrics.outbound.inc({ purpose, outcome: 'answer' });
      return answer;
    } catch (error) {
      const outcome = error instanceof OutboundError ? error.failure : 'unreachable';
      this.#metrics.outbound.inc({ purpose, outcome });
      throw error;
    }
  }

  /** Lets what is under way end, by its deadline at the latest, and closes every socket. */
  async close(): Promise<void> {
    this.#closed = true;
    const doors = [...this.#doors.values()];
    this.#doors.clear();
    await Promise.all(doors.map((door) => door.close()));
  }

  #door(room: typeof import('./door.ts'), destination: Destination, ca: string | undefined): Door {
    const key = `${destination.url.origin}\n${ca ?? ''}`;
    const door = this.#doors.get(key) ?? this.#build(room, destination, ca);
    this.#doors.delete(key);
    this.#doors.set(key, door);
    if (this.#doors.size > MAX_DOORS) this.#closeOldestIdle(door);
    return door;
  }

  #build({ Door }: typeof import('./door.ts'), destination: Destination, ca: string | undefined): Door {
    if (ca !== undefined) assertCertificate(destination.host, ca);
    return new Door({ destination, ca, resolve: this.#resolve, clock: this.#clock });
  }

  #closeOldestIdle(needed: Door): void {
    for (const [key, door] of this.#doors) {
      if (!door.idle || door === needed) continue;
      this.#doors.delete(key);
      door.close().catch(() => undefined);
      return;
    }
  }
}

/** Node takes an empty `ca` for "the system's roots", and passes over what it cannot read: both would widen the trust. */
function assertCertificate(host: string, ca: string): void {
  try {
    new X509Certificate(ca);
  } catch {
    throw new OutboundError('blocked', `${host}: the configured roots hold no certificate`);
  }
}
