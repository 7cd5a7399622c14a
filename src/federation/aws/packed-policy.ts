import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';

const WARN_PERCENT = 80;
const MINUTE_MS = 60_000;

export interface PackedPolicyDeps {
  readonly metrics: Pick<Metrics, 'awsPackedPolicy'>;
  readonly log: Pick<Log, 'warn'>;
  readonly clock: Clock;
}

/**
 * How much of what AWS allows a session's policies, tags and assertion fill, in percent (PackedPolicySize): over 100 AWS
 * refuses. Measured for every session, and warned of from 80 on, once a mapping and minute at most.
 */
export class PackedPolicy {
  readonly #deps: PackedPolicyDeps;
  #minute = 0;
  readonly #warned = new Set<string>();

  constructor(deps: PackedPolicyDeps) {
    this.#deps = deps;
  }

  /** The size, where AWS says one that can be. */
  measure(mapping: string, size: number | undefined): number | undefined {
    if (size === undefined || !Number.isInteger(size) || size < 0 || size > 100) return undefined;
    this.#deps.metrics.awsPackedPolicy.observe(size);
    if (size >= WARN_PERCENT) this.#warn(mapping, size);
    return size;
  }

  #warn(mapping: string, size: number): void {
    const minute = Math.floor(this.#deps.clock.now() / MINUTE_MS);
    if (minute !== this.#minute) this.#warned.clear();
    this.#minute = minute;
    if (this.#warned.has(mapping)) return;
    this.#warned.add(mapping);
    const hint = 'name fewer or shorter resources, tags or policyArns, or split the mapping';
    this.#deps.log.warn('a session of AWS is close to the packed size that AWS allows', {
      mapping,
      detail: `PackedPolicySize ${size} %`,
      hint,
    });
  }
}
