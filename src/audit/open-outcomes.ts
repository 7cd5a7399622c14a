import type { Link } from './line.ts';
import type { OpenOutcome } from './verify-report.ts';

const MAX_TRACKED = 100_000;

/** Pairs each "allowed" with the outcome that follows it. A trace id may repeat: the oldest open one is paired first. */
export class OpenOutcomes {
  readonly #open = new Map<string, OpenOutcome[]>();
  #tracked = 0;
  #forgotten = 0;

  get count(): number {
    return this.#tracked + this.#forgotten;
  }

  follow(link: Link, file: string, line: number): void {
    const { traceId, mapping } = link.members;
    if (typeof traceId !== 'string') return;
    if (link.type === 'allowed') {
      const { seq, at } = link;
      this.#add({ file, line, seq, at, traceId, ...(typeof mapping === 'string' ? { mapping } : {}) });
    } else if (link.type === 'issued' || link.type === 'failed' || link.type === 'reused') {
      this.#take(traceId);
    }
  }

  first(limit: number): readonly OpenOutcome[] {
    return [...this.#open.values()]
      .flat()
      .sort((left, right) => left.seq - right.seq)
      .slice(0, limit);
  }

  #add(outcome: OpenOutcome): void {
    if (this.#tracked >= MAX_TRACKED) {
      const oldest = this.#open.keys().next().value;
      if (oldest !== undefined) this.#take(oldest);
      this.#forgotten += 1;
    }
    const same = this.#open.get(outcome.traceId);
    if (same === undefined) this.#open.set(outcome.traceId, [outcome]);
    else same.push(outcome);
    this.#tracked += 1;
  }

  #take(traceId: string): void {
    const same = this.#open.get(traceId);
    if (same === undefined) return;
    same.shift();
    this.#tracked -= 1;
    if (same.length === 0) this.#open.delete(traceId);
  }
}
