import type { AuditRecord, RecordedBeside } from '../../audit/record.ts';
import type { MappingFacts } from './mapping-facts.ts';
import { workloadOf, workloadText } from './workload.ts';

interface Example {
  readonly traceId?: string | undefined;
  readonly at: string;
  readonly workload: string;
  readonly reason?: string | undefined;
  readonly detail?: string | undefined;
}

/** What enforcing a mapping would have changed. */
export interface Promotion {
  readonly mapping: string;
  readonly mode: 'report' | 'shadow';
  /** RFC 3339: when `report` ends by itself and the mapping enforces. */
  readonly until?: string | undefined;
  /** Requests that it was decided on. */
  readonly requests: number;
  /** Of them: allowed, and refused if it enforced. */
  readonly refuses: number;
  /** Of them: refused, and allowed if it enforced. */
  readonly allows: number;
  /** Of `refuses`, by reason. */
  readonly reasons: Readonly<Record<string, number>>;
  /** The newest of `refuses` and of `allows`. */
  readonly refused: readonly Example[];
  readonly allowed: readonly Example[];
  /** `safe`: it would have refused nobody who was served. `unused`: nothing is known of it. */
  readonly verdict: 'safe' | 'refuses' | 'unused';
}

interface Tally {
  requests: number;
  refuses: number;
  allows: number;
  readonly reasons: Map<string, number>;
  readonly refused: Example[];
  readonly allowed: Example[];
}

const MAX_EXAMPLES = 5;

/** What mappings that do not enforce would have done, out of the records of a log, newest first. */
export class PromotionTally {
  readonly #tallies = new Map<string, Tally>();

  add(record: AuditRecord): void {
    if (record.type !== 'allowed' && record.type !== 'refused') return;
    for (const beside of record.beside ?? []) this.#judge(record, beside);
  }

  /** Of each of these that reports, or is a shadow. Of a mapping that was another meanwhile the records are of both. */
  of(mappings: readonly MappingFacts[]): readonly Promotion[] {
    return mappings.flatMap(({ name, spec: { mode, until } }): Promotion[] => {
      if (mode === 'enforce') return [];
      const { reasons, ...tally } = this.#tallies.get(keyOf(mode, name)) ?? fresh();
      const verdict = tally.refuses > 0 ? 'refuses' : 'safe';
      const common = { mapping: name, mode, until, ...tally, reasons: Object.fromEntries(reasons) };
      return [{ ...common, verdict: tally.requests === 0 ? 'unused' : verdict }];
    });
  }

  #judge(record: AuditRecord, { mode, outcome, mapping, reason, detail }: RecordedBeside): void {
    if (mapping === undefined) return;
    const key = keyOf(mode, mapping);
    const tally = this.#tallies.get(key) ?? fresh();
    this.#tallies.set(key, tally);
    tally.requests += 1;
    if (record.type === outcome) return;
    const { traceId, at } = record;
    const workload = workloadOf(record);
    const example = { traceId, at, workload: workload === undefined ? '' : workloadText(workload), reason, detail };
    if (outcome === 'allowed') {
      tally.allows += 1;
      if (tally.allowed.length < MAX_EXAMPLES) tally.allowed.push(example);
      return;
    }
    tally.refuses += 1;
    const why = reason ?? 'refused';
    tally.reasons.set(why, (tally.reasons.get(why) ?? 0) + 1);
    if (tally.refused.length < MAX_EXAMPLES) tally.refused.push(example);
  }
}

function keyOf(mode: string, mapping: string): string {
  return `${mode} ${mapping}`;
}

function fresh(): Tally {
  return { requests: 0, refuses: 0, allows: 0, reasons: new Map(), refused: [], allowed: [] };
}
