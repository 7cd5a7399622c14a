import type { RecordBody } from './record.ts';

/** Bounds the memory and the disk that refusals can cost, whatever reasons and issuers come. */
const MAX_KEYS = 1_000;
const OVERFLOW_REASON = 'other';

interface Count {
  readonly issuer: string | undefined;
  readonly reason: string;
  readonly verified: boolean;
  count: number;
}

/** Counts refusals that get no record of their own, by issuer and reason, until they are summarised. */
export class RefusalCounts {
  readonly #counts = new Map<string, Count>();
  #since = 0;

  /** `issuer` is a TrustedIssuer's name; undefined for all that are unknown. `verified`: the identity was proven. */
  add({ issuer, reason, verified }: Omit<Count, 'count'>, now: number): void {
    if (this.#counts.size === 0) this.#since = now;
    const known = this.#find({ issuer, reason, verified });
    known.count += 1;
  }

  /** True once the minute in which counting began is over. */
  isDue(now: number): boolean {
    return this.#counts.size > 0 && Math.floor(now / 60_000) !== Math.floor(this.#since / 60_000);
  }

  /** The summaries of everything counted so far; counting begins anew. */
  take(now: number): readonly RecordBody[] {
    const span = { from: new Date(this.#since).toISOString(), until: new Date(now).toISOString() };
    const bodies = [...this.#counts.values()].map(({ issuer, reason, verified, count }) => ({
      type: 'summary' as const,
      issuer,
      outcome: 'refused',
      reason,
      summary: { ...span, count, verified },
    }));
    this.#counts.clear();
    return bodies;
  }

  #find({ issuer, reason, verified }: Omit<Count, 'count'>): Count {
    const key = JSON.stringify([verified, issuer ?? null, reason]);
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    if (this.#counts.size >= MAX_KEYS && reason !== OVERFLOW_REASON) {
      return this.#find({ issuer: undefined, reason: OVERFLOW_REASON, verified });
    }
    const fresh: Count = { issuer, reason, verified, count: 0 };
    this.#counts.set(key, fresh);
    return fresh;
  }
}
