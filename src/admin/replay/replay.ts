import type { AuditHistory, Coverage, HistoryQuery, Visit } from '../../audit/history.ts';
import { NOT_RECORDED } from '../../audit/recorded-identity.ts';
import type { Candidate, CandidateDocuments } from '../../catalog/candidate.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import type { Loaded } from '../../catalog/load-resources.ts';
import type { StoredResources } from '../../catalog/stored-resources.ts';
import type { Clock } from '../../core/clock.ts';
import type { Compiled } from '../../policy/compile.ts';
import { DECIDER } from '../../policy/decide.ts';
import { type Widening, wideningBetween } from '../../policy/widening.ts';
import type { Document, Fault } from '../../resources/document.ts';
import { type Actor, assertMay, assertMaySomewhere } from '../actor.ts';
import { AdminError } from '../admin-error.ts';
import { type Changes, changesBetween, faultsOf, toldOf } from '../changes.ts';
import { scopeOf, writer } from '../scope.ts';
import { OwnRecords } from '../trail/own-records.ts';
import { reading } from '../trail/reading.ts';
import { type IsTold, REQUEST_TYPES, type ReplayTallies, ReplayTally } from './replay-tally.ts';
import { whatCounts } from './what-counts.ts';

/** What candidate resources would have done to the requests of a window. */
export interface Replay extends Omit<ReplayTallies, 'used'> {
  /** Of the policy code that decided both. */
  readonly decider: string;
  readonly revisions: { readonly base: string; readonly candidate: string };
  readonly coverage: Omit<Coverage, 'next'>;
  readonly changes: Changes;
  /** Whether anybody could get more, asked for or not. */
  readonly widening: Widening;
  /** Mappings of the candidate that would have allowed no request. */
  readonly unused: { readonly count: number; readonly mappings: readonly string[] };
  /** TrustedIssuers that change: which of their tokens would still verify is not replayed. */
  readonly issuersNotReplayed: readonly string[];
  /** What no record holds, in words. */
  readonly notRecorded: readonly string[];
}

export interface ReplayWish {
  readonly candidate: CandidateDocuments;
  readonly windowSeconds: number;
  /** Ends it: nobody waits for it any more. */
  readonly signal?: AbortSignal | undefined;
}

/** Throws AdminError. */
export type RunReplay = (actor: Actor, wish: ReplayWish) => Promise<Replay>;

interface ReplayDeps {
  readonly catalog: Pick<Catalog, 'loaded' | 'candidate'>;
  readonly history: AuditHistory;
  readonly stored: Pick<StoredResources, 'history'>;
  readonly clock: Clock;
}

const MAX_UNUSED = 1_000;

/** One replay at a time: each reads the log and keeps a core busy. */
export function createReplay({ catalog, history, stored, clock }: ReplayDeps): RunReplay {
  let isRunning = false;
  return async (actor, { candidate: wanted, windowSeconds, signal }) => {
    assertMaySomewhere(actor, 'replay');
    if (isRunning) throw new AdminError('too_many', { detail: 'another replay is under way' });
    isRunning = true;
    try {
      const base = catalog.loaded();
      const own = await OwnRecords.of(actor, { loaded: base, stored, right: 'replay' });
      const candidate = await catalog.candidate(own === undefined ? wanted : withinScope(actor, wanted, base));
      assertSound(candidate);
      const now = clock.now();
      const window = { from: now - windowSeconds * 1000, until: now };
      const read = (query: HistoryQuery, visit: Visit) => reading(history, { ...query, signal }, visit);
      if (own === undefined) return await replayOf({ base, candidate, read, window });
      const proposed = new Set(candidate.proposed.map(({ name }) => name));
      const isTold = (mapping: string) => own.has(mapping) || proposed.has(mapping);
      const readOwn = async (query: HistoryQuery, visit: Visit) =>
        own.covered(await read(query, (record) => !own.holds(record) || visit(record)));
      const replayed = await replayOf({ base, candidate, read: readOwn, window, isTold });
      const { everywhere, admits } = scopeOf(actor, 'read', base.snapshot.grants);
      return everywhere ? replayed : { ...replayed, changes: toldOf(replayed.changes, base.documents, admits) };
    } finally {
      isRunning = false;
    }
  };
}

interface ReplayInput {
  readonly base: { readonly documents: readonly Document[]; readonly compiled: Compiled };
  readonly candidate: Pick<Candidate, 'documents' | 'compiled' | 'conditions'>;
  readonly read: (query: HistoryQuery, visit: Visit) => Promise<Coverage>;
  /** Milliseconds. */
  readonly window: { readonly from: number; readonly until: number };
  /** Of which mappings the answer may tell; absent is all. */
  readonly isTold?: IsTold;
  /** Told after each request how many there were, and when (RFC 3339) it was. */
  readonly onProgress?: (requests: number, at: string) => void;
}

/** Decides each request of the window on both, at the time of its record. */
export async function replayOf(input: ReplayInput): Promise<Replay> {
  const { base, candidate, read, window, isTold = () => true, onProgress } = input;
  const counts = whatCounts([...base.documents, ...candidate.documents]);
  const [before, after] = [base.compiled.snapshot, candidate.compiled.snapshot];
  const tally = new ReplayTally(before, after, counts, isTold);
  let requests = 0;
  const query = { ...window, types: REQUEST_TYPES };
  const { next: _, ...coverage } = await read(query, (record) => {
    tally.add(record);
    requests += 1;
    onProgress?.(requests, record.at);
    return true;
  });
  const { used, ...tallies } = tally.result();
  const changes = changesBetween(base.compiled, candidate.compiled);
  const unused = candidate.compiled.accepted.flatMap(({ kind, name }) =>
    kind === 'FederationMapping' && !used.has(name) && isTold(name) ? [name] : [],
  );
  return {
    decider: DECIDER,
    revisions: { base: before.revision, candidate: after.revision },
    coverage,
    ...tallies,
    changes,
    widening: wideningBetween(before, after, candidate.conditions),
    unused: { count: unused.length, mappings: unused.toSorted().slice(0, MAX_UNUSED) },
    issuersNotReplayed: [...changes.changed, ...changes.added].flatMap(({ kind, name }) =>
      kind === 'TrustedIssuer' ? [name] : [],
    ),
    notRecorded: NOT_RECORDED,
  };
}

/**
 * What somebody whose right is limited proposes, as his own. Throws AdminError `forbidden`, there or when it is read, where
 * it is more than mappings that he may write, or says of others that they are to go.
 */
function withinScope(actor: Actor, wanted: CandidateDocuments, { snapshot }: Loaded): CandidateDocuments {
  if (wanted.replaceAll === true) assertMay(actor, 'replay');
  return {
    ...wanted,
    authorOf(before, after) {
      if ((after ?? before)?.kind !== 'FederationMapping') assertMay(actor, 'change issuers, guardrails and grants');
      return writer(actor, { before, after }, snapshot.grants);
    },
  };
}

/** Errors of the documents that are proposed, by themselves and beside the others. Throws AdminError `invalid`. */
export function assertSound({ ownFaults, proposed, compiled }: Candidate): void {
  const keys = new Set(proposed.map(({ kind, name }) => `${kind}/${name}`));
  const beside = faultsOf(compiled).filter(
    ({ kind, name, severity }) => severity === 'error' && keys.has(`${kind}/${name}`),
  );
  const errors = [...ownFaults, ...beside].filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new AdminError('invalid', { faults: errors.slice(0, MAX_FAULTS).map(ofRequest) });
}

const MAX_FAULTS = 100;

function ofRequest(fault: Fault): Fault {
  return { ...fault, source: 'request body' };
}
