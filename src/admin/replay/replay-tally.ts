import { hash } from 'node:crypto';
import type { AuditRecord, RecordType } from '../../audit/record.ts';
import {
  type NotReplayable,
  type Recorded as ReadBack,
  recordedAsk,
  recordedIdentity,
} from '../../audit/recorded-identity.ts';
import type { Ask, GrantedAccess } from '../../core/decision.ts';
import type { VerifiedIdentity } from '../../core/identity.ts';
import type { Snapshot } from '../../policy/snapshot.ts';
import { type Difference, type Differences, DifferenceTally, differenceOf } from './difference-tally.ts';
import type { Example } from './groups.ts';
import { isSameButTtl, type Outcome, outcomeOf } from './outcome.ts';
import { accessThen, recordedAccess } from './recorded-access.ts';
import { questionKey, type WhatCounts } from './what-counts.ts';

/** What was answered then, against what the resources in force say now. */
export interface Recorded extends Omit<Differences, 'changed'> {
  /** Allowed both times, by another mapping. */
  readonly otherMapping: number;
  /** Requests by the version of the policy code that decided then. */
  readonly deciders: Readonly<Record<string, number>>;
}

export interface ReplayTallies {
  readonly requests: {
    readonly seen: number;
    readonly replayed: number;
    /** Records that cannot be decided on again, by reason. */
    readonly notReplayable: Readonly<Partial<Record<NotReplayable, number>>>;
    /** Refused by a limit, such as the rate of an identity, before or after policy was asked. */
    readonly limited: number;
  };
  /** The resources in force against the candidate, by the same code. */
  readonly candidate: Differences;
  readonly recorded: Recorded;
  /** Mappings of the candidate that allowed at least one request. */
  readonly used: ReadonlySet<string>;
  /** Questions that were decided; fewer than requests where many ask the same. */
  readonly decided: number;
}

/** Whether a mapping of this name may be told of. */
export type IsTold = (mapping: string) => boolean;

interface Known {
  readonly base: Outcome;
  readonly candidate: Outcome;
  readonly difference: Difference;
  /** Seconds that a token had left: for all between these two the difference is the same. */
  least: number;
  most: number;
}

interface Question {
  readonly identity: VerifiedIdentity;
  readonly ask: Ask;
  /** Milliseconds. */
  readonly at: number;
  readonly access: GrantedAccess | undefined;
}

/** Records that tell of a question to policy, once each. */
export const REQUEST_TYPES: readonly RecordType[] = ['allowed', 'refused'];

/** Distinct questions that are remembered; what comes beyond them is decided each time. */
const MAX_KNOWN = 10_000;
const MAX_DECIDERS = 20;
const BY_POLICY: readonly unknown[] = ['target_refused', 'target_denied', 'scope_refused'];

/** Decides the requests of a log on two sets of resources, each at its own time, and counts. Pure, in bounded memory. */
export class ReplayTally {
  readonly #base: Snapshot;
  readonly #candidate: Snapshot;
  readonly #counts: WhatCounts;
  readonly #isTold: IsTold;
  readonly #known = new Map<string, Known>();
  readonly #notReplayable = new Map<NotReplayable, number>();
  readonly #deciders = new Map<string, number>();
  readonly #used = new Set<string>();
  readonly #ahead = new DifferenceTally();
  readonly #since = new DifferenceTally();
  #seen = 0;
  #limited = 0;
  #replayed = 0;
  #decided = 0;

  /** `counts` of the documents of both. A request that a mapping decides of which nothing is to be told is passed over. */
  constructor(base: Snapshot, candidate: Snapshot, counts: WhatCounts, isTold: IsTold = () => true) {
    this.#base = base;
    this.#candidate = candidate;
    this.#counts = counts;
    this.#isTold = isTold;
  }

  /** Takes a record; those that are no question to policy are passed over. */
  add(record: AuditRecord): void {
    const { type, error } = record;
    if (!REQUEST_TYPES.includes(type)) return;
    this.#seen += 1;
    if (type === 'refused' && !BY_POLICY.includes(error)) {
      this.#limited += 1;
      return;
    }
    const [identity, ask] = [recordedIdentity(record), recordedAsk(record)];
    const at = Date.parse(record.at);
    if (!identity.ok || !ask.ok || Number.isNaN(at)) {
      increment(this.#notReplayable, reasonOf(identity) ?? reasonOf(ask) ?? 'unknown_form');
      return;
    }
    const known = this.#answers({ identity: identity.value, ask: ask.value, at, access: recordedAccess(record) });
    const deciding = [known.base.mapping, known.candidate.mapping];
    if (!deciding.every((mapping) => mapping === undefined || this.#isTold(mapping))) return;
    this.#replayed += 1;
    if (known.candidate.outcome === 'allowed' && known.candidate.mapping !== undefined) {
      this.#used.add(known.candidate.mapping);
    }
    const example = (): Example => ({
      identity: shortened(`${identity.value.issuer} ${identity.value.subject}`),
      address: shortened(ask.value.address),
      traceId: clipped(record.traceId),
      at: record.at,
    });
    this.#ahead.add(known.difference, example);
    this.#since.add(differenceOf(recordedOutcome(record), withoutGrant(known.base)), example);
    const decider = clipped(record.decider) ?? 'unknown';
    if (this.#deciders.has(decider) || this.#deciders.size < MAX_DECIDERS) increment(this.#deciders, decider);
  }

  result(): ReplayTallies {
    const { changed, ...since } = this.#since.result();
    return {
      requests: {
        seen: this.#seen,
        replayed: this.#replayed,
        notReplayable: Object.fromEntries(this.#notReplayable),
        limited: this.#limited,
      },
      candidate: this.#ahead.result(),
      recorded: { ...since, otherMapping: changed.count, deciders: Object.fromEntries(this.#deciders) },
      used: this.#used,
      decided: this.#decided,
    };
  }

  /**
   * What a token has left only ever caps the ttl, and refuses where the cap is below the target's least: with more of it a
   * ttl grows as it does, up to where something else caps it. So two answers that differ in the same at two such times,
   * and are each the same but for their ttl, do so for all between them; and for all beyond, once it caps neither.
   */
  #answers({ identity, ask, at, access }: Question): Known {
    const asked = JSON.stringify([ask, access, access && at]);
    const key = hash('sha256', `${questionKey(identity, at, this.#counts)}${asked}`, 'base64');
    const left = Math.floor((identity.expiresAt * 1000 - at) / 1000);
    const known = this.#known.get(key);
    if (known !== undefined && known.least <= left && left <= known.most) return known;
    this.#decided += 1;
    const index = accessThen(access, identity);
    const base = outcomeOf({ ...this.#base, access: index }, identity, ask, at);
    const candidate = outcomeOf({ ...this.#candidate, access: index }, identity, ask, at);
    const difference = differenceOf(base, candidate);
    const most = [base, candidate].some((one) => mayBeCapped(one, left)) ? left : Number.POSITIVE_INFINITY;
    const fresh = { base, candidate, difference, least: left, most };
    if (known !== undefined && isAlike(known, fresh)) {
      known.least = Math.min(known.least, left);
      known.most = Math.max(known.most, most);
      return known;
    }
    if (known !== undefined || this.#known.size < MAX_KNOWN) this.#known.set(key, fresh);
    return fresh;
  }
}

/** Whether more time left might give another answer: otherwise it never does. */
function mayBeCapped({ grant, reason }: Outcome, left: number): boolean {
  return grant?.ttlSeconds === left || reason === 'ttl_below_target_minimum';
}

function isAlike(known: Known, fresh: Known): boolean {
  const same = isSameButTtl(known.base, fresh.base) && isSameButTtl(known.candidate, fresh.candidate);
  return same && JSON.stringify(known.difference) === JSON.stringify(fresh.difference);
}

/** What the caller was answered. The credential is compared between resources only: its record does not hold all of it. */
function recordedOutcome({ type, mapping, reason, error }: AuditRecord): Outcome {
  if (type === 'allowed') return { outcome: 'allowed', mapping: clipped(mapping) };
  return { outcome: 'refused', mapping: clipped(mapping), reason: clipped(reason ?? error) };
}

function withoutGrant({ outcome, mapping, reason }: Outcome): Outcome {
  return { outcome, mapping, reason };
}

function reasonOf(read: ReadBack<unknown>): NotReplayable | undefined {
  return read.ok ? undefined : read.why;
}

/** A member of a record is whatever its line holds. */
function clipped(member: unknown): string | undefined {
  return typeof member === 'string' ? shortened(member) : undefined;
}

function shortened(text: string): string {
  return text.length > 256 ? `${text.slice(0, 256)}…` : text;
}

function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
