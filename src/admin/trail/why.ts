import type { AuditHistory, Coverage } from '../../audit/history.ts';
import { containing } from '../../audit/history.ts';
import type { AuditRecord } from '../../audit/record.ts';
import { type NotReplayable, recordedAsk, recordedIdentity } from '../../audit/recorded-identity.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import type { StoredResources } from '../../catalog/stored-resources.ts';
import { type Clock, toSeconds } from '../../core/clock.ts';
import type { VerifiedIdentity } from '../../core/identity.ts';
import { type Actor, assertMaySomewhere, mayEverywhere } from '../actor.ts';
import { AdminError } from '../admin-error.ts';
import { type Explanation, explained } from '../explanation.ts';
import { OwnRefusals } from './own-refusals.ts';
import { reading } from './reading.ts';
import { story, todaySentence } from './story.ts';

/** What became of one request, and what would today. */
export interface Why {
  readonly trace: string;
  /** Oldest first. */
  readonly records: readonly AuditRecord[];
  /** Sentences for people, those about today last. */
  readonly story: readonly string[];
  /** The same request decided again; absent where policy decided nothing, or the record does not tell enough. */
  readonly today?: Explanation;
  readonly coverage: Coverage;
}

/** Throws AdminError, `not_found` where no record has the trace. */
export type TellWhy = (actor: Actor, trace: string, signal?: AbortSignal) => Promise<Why>;

interface WhyDeps {
  readonly history: AuditHistory;
  readonly catalog: Pick<Catalog, 'current' | 'loaded'>;
  readonly stored: Pick<StoredResources, 'history'>;
  readonly clock: Clock;
}

/** Of a trace that repeats, as clients may choose it. */
const MAX_RECORDS = 50;
/** An exchange takes seconds; what has the same trace and is older is another request. */
const ONE_REQUEST_MS = 60_000;
const BY_POLICY: readonly (string | undefined)[] = ['target_refused', 'target_denied', 'scope_refused'];

/**
 * Finds the records of a trace, and decides its request again by the resources of today. Whoever may read some mappings
 * only is told of what they refused, and of all else as if it were not there.
 */
export function createWhy({ history, catalog, stored, clock }: WhyDeps): TellWhy {
  return async (actor, trace, signal) => {
    assertMaySomewhere(actor, 'read');
    const own = mayEverywhere(actor, 'read') ? undefined : new OwnRefusals(actor, catalog.loaded(), stored);
    const { records, coverage } = await recordsOf(history, { trace, signal }, (record) => own?.holds(record) !== false);
    if (records.length === 0 || (own !== undefined && !(await own.wereOwn(records)))) {
      throw own === undefined ? notFound(coverage) : notSeen();
    }
    const shown = own === undefined ? records : records.map((record) => own.shown(record));
    const decided = records.find(isDecision);
    if (decided === undefined) return { trace, records: shown, story: story(shown), coverage };
    const today = again(decided, { catalog, own, now: clock.now() });
    const told = { trace, records: shown, coverage };
    if (typeof today === 'string') return { ...told, story: [...story(shown), NOT_AGAIN[today]] };
    return { ...told, story: [...story(shown), todaySentence(today, decided)], today };
  };
}

const NOT_AGAIN: Readonly<Record<NotReplayable | 'not_alone', string>> = {
  not_alone:
    'What it would come to today cannot be told: no mapping that this identity may read decides alone at this address.',
  incomplete: 'What it would come to today cannot be told: the record lacks who asked, or for what.',
  cut: 'What it would come to today cannot be told: the record was cut to its limit.',
  unknown_form: 'What it would come to today cannot be told: another version of Carnet wrote the record.',
};

/** Oldest first; none where nobody left the trace. */
async function recordsOf(
  history: AuditHistory,
  { trace, signal }: { readonly trace: string; readonly signal: AbortSignal | undefined },
  isSeen: (record: AuditRecord) => boolean,
) {
  const found: AuditRecord[] = [];
  const wanted = { containing: [containing('traceId', trace)], signal };
  const take = (record: AuditRecord) => {
    if (record.traceId === trace && isSeen(record)) found.push(record);
  };
  const first = await reading(history, wanted, (record) => {
    take(record);
    return found.length === 0;
  });
  const [newest] = found;
  if (newest === undefined) return { records: [], coverage: first };
  const query = { ...wanted, from: Date.parse(newest.at) - ONE_REQUEST_MS, after: first.next };
  const rest = await reading(history, query, (record) => {
    take(record);
    return found.length < MAX_RECORDS;
  });
  return { records: found.reverse(), coverage: { ...first, from: rest.from } };
}

function notFound({ from, streams, complete }: Coverage): AdminError {
  const where = streams.length === 0 ? 'there is no log' : `looked at since ${from}: ${streams.join(', ')}`;
  const bound = complete ? '' : '; older records were not looked at';
  const detail = `no record has this trace (${where}${bound})`;
  return new AdminError('not_found', {
    field: 'trace',
    detail,
    mend: 'ask the replica that answered; what is refused before a token is verified is only counted',
  });
}

/** The same whether there is no such trace or it is another team's. */
function notSeen(): AdminError {
  return new AdminError('not_found', {
    field: 'trace',
    detail: 'no refusal of a mapping that this identity may read has this trace',
    mend: 'ask the replica that answered, or somebody who may read everything',
  });
}

function isDecision({ type, error }: AuditRecord): boolean {
  return type === 'allowed' || (type === 'refused' && BY_POLICY.includes(error));
}

/** The token is as old and has as long to live as it had then. */
function again(
  record: AuditRecord,
  { catalog, own, now }: Pick<WhyDeps, 'catalog'> & { readonly own: OwnRefusals | undefined; readonly now: number },
): Explanation | NotReplayable | 'not_alone' {
  const identity = recordedIdentity(record);
  if (!identity.ok) return identity.why;
  const ask = recordedAsk(record);
  if (!ask.ok) return ask.why;
  // With the access that people have approved, which the last reading has not.
  const snapshot = catalog.current();
  const today = moved(identity.value, toSeconds(now) - toSeconds(Date.parse(record.at)));
  if (own?.decideAlone(snapshot, today, ask.value.address) === false) return 'not_alone';
  return explained(snapshot, today, ask.value, now);
}

function moved(identity: VerifiedIdentity, seconds: number): VerifiedIdentity {
  return { ...identity, issuedAt: identity.issuedAt + seconds, expiresAt: identity.expiresAt + seconds };
}
