import type { AuditRecord } from '../../audit/record.ts';
import { type Workload, workloadOf, workloadText } from './workload.ts';

/** What a mapping was used for, by the requests that it allowed. */
export interface MappingUsage {
  /** Requests that were allowed. */
  readonly allowed: number;
  /** RFC 3339: the last of them. */
  readonly lastUsed: string;
  /** Those that used it; beyond the bound of the tally they are not told apart and `manyWorkloads` is set. */
  readonly workloads: readonly Workload[];
  readonly manyWorkloads: boolean;
  /** Seconds: the longest life that was granted. */
  readonly longestGranted: number;
  /** Requests that said how long a life they wanted, and the longest wish in seconds. */
  readonly wishes: { readonly count: number; readonly longest: number };
  /** How soon one and the same holder asked again: `early` within a quarter of what it had, the longest of those in seconds. */
  readonly returns: { readonly count: number; readonly early: number; readonly longestEarly: number };
}

interface Tally {
  allowed: number;
  lastUsed: string;
  readonly workloads: Map<string, Workload>;
  manyWorkloads: boolean;
  longestGranted: number;
  readonly wishes: { count: number; longest: number };
  readonly returns: { count: number; early: number; longestEarly: number };
}

/** Workloads and holders that are told apart, over all mappings: more would be a bomb for memory. */
const MAX_KEPT = 100_000;
/** A holder that comes back within this part of a life needed no more of it. */
const EARLY = 1 / 4;

/** Use of mappings out of the records of a log, newest first. */
export class Usage {
  readonly #mappings = new Map<string, Tally>();
  /** Milliseconds at which a holder asked the next time. */
  readonly #next = new Map<string, number>();
  #kept = 0;

  add(record: AuditRecord): void {
    const { type, mapping, at, grant, request } = record;
    const workload = workloadOf(record);
    if (type !== 'allowed' || mapping === undefined || grant === undefined || workload === undefined) return;
    const tally = this.#of(mapping, at);
    tally.allowed += 1;
    tally.longestGranted = Math.max(tally.longestGranted, grant.ttl);
    if (request?.ttl !== undefined) {
      tally.wishes.count += 1;
      tally.wishes.longest = Math.max(tally.wishes.longest, request.ttl);
    }
    this.#see(tally, workload);
    this.#comeBack(tally, record, grant.ttl);
  }

  of(mapping: string): MappingUsage | undefined {
    const tally = this.#mappings.get(mapping);
    return tally && { ...tally, workloads: [...tally.workloads.values()] };
  }

  #of(mapping: string, at: string): Tally {
    const known = this.#mappings.get(mapping);
    if (known !== undefined) return known;
    const tally: Tally = {
      allowed: 0,
      lastUsed: at,
      workloads: new Map(),
      manyWorkloads: false,
      longestGranted: 0,
      wishes: { count: 0, longest: 0 },
      returns: { count: 0, early: 0, longestEarly: 0 },
    };
    this.#mappings.set(mapping, tally);
    return tally;
  }

  #see(tally: Tally, workload: Workload): void {
    const text = workloadText(workload);
    if (tally.workloads.has(text)) return;
    if (this.#kept >= MAX_KEPT) tally.manyWorkloads = true;
    else {
      this.#kept += 1;
      tally.workloads.set(text, workload);
    }
  }

  /** A pod is a holder of its own: ten of them that ask in turn do not make one that asks often. */
  #comeBack(tally: Tally, { mapping, at, issuer, identity, request }: AuditRecord, ttl: number): void {
    const holder = JSON.stringify([mapping, request?.addresses, issuer, identity?.subject, identity?.pod?.uid]);
    const now = Date.parse(at);
    const next = this.#next.get(holder);
    if (next !== undefined) {
      const seconds = Math.max(0, (next - now) / 1000);
      tally.returns.count += 1;
      if (seconds < ttl * EARLY) {
        tally.returns.early += 1;
        tally.returns.longestEarly = Math.max(tally.returns.longestEarly, Math.ceil(seconds));
      }
    } else if (this.#next.size >= MAX_KEPT) return;
    this.#next.set(holder, now);
  }
}
