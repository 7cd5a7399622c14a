import type { AuditHistory, Coverage } from '../../audit/history.ts';
import { containing } from '../../audit/history.ts';
import type { AuditRecord } from '../../audit/record.ts';
import { type NotReplayable, recordedAsk, recordedIdentity } from '../../audit/recorded-identity.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import { type Clock, toSeconds } from '../../core/clock.ts';
import type { VerifiedIdentity } from '../../core/identity.ts';
import { type Actor, assertMay } from '../actor.ts';
import { AdminError } from '../admin-error.ts';
import { type Explanation, explained } from '../explanation.ts';
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
export type TellWhy = (actor: Actor, trace: string) => Promise<Why>;

interface WhyDeps {
  readonly history: AuditHistory;
  readonly catalog: Pick<Catalog, 'current'>;
  readonly clock: Clock;
}

/** Of a trace that repeats, as clients may choose it. */
const MAX_RECORDS = 50;
/** An exchange takes seconds; what has the same trace and is older is another request. */
const ONE_REQUEST_MS = 60_000;
const BY_POLICY: readonly (string | undefined)[] = ['target_refused', 'target_denied', 'scope_refused'];

/** Finds the records of a trace, and decides its request again by the resources of today. */
export function createWhy({ history, catalog, clock }: WhyDeps): TellWhy {
  return async (actor, trace) => {
    assertMay(actor, 'read');
    const { records, coverage } = await recordsOf(history, trace);
    const decided = records.find(isDecision);
    if (decided === undefined) return { trace, records, story: story(records), coverage };
    const today = again(decided, catalog, clock.now());
    if (typeof today === 'string') return { trace, records, story: [...story(records), NOT_AGAIN[today]], coverage };
    return { trace, records, story: [...story(records), todaySentence(today, decided)], today, coverage };
  };
}

const NOT_AGAIN: Readonly<Record<NotReplayable, string>> = {
  incomplete: 'What it would come to today cannot be told: the record lacks who asked, or for what.',
  cut: 'What it would come to today cannot be told: the record was cut to its limit.',
  unknown_form: 'What it would come to today cannot be told: another version of Carnet wrote the record.',
};

async function recordsOf(history: AuditHistory, trace: string) {
  const found: AuditRecord[] = [];
  const texts = [containing('traceId', trace)];
  const first = await reading(history, { containing: texts }, (record) => {
    if (record.traceId === trace) found.push(record);
    return found.length === 0;
  });
  const [newest] = found;
  if (newest === undefined) throw notFound(first);
  const query = { containing: texts, from: Date.parse(newest.at) - ONE_REQUEST_MS, after: first.next };
  const rest = await reading(history, query, (record) => {
    if (record.traceId === trace) found.push(record);
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

function isDecision({ type, error }: AuditRecord): boolean {
  return type === 'allowed' || (type === 'refused' && BY_POLICY.includes(error));
}

/** The token is as old and has as long to live as it had then. */
function again(record: AuditRecord, catalog: WhyDeps['catalog'], now: number): Explanation | NotReplayable {
  const identity = recordedIdentity(record);
  if (!identity.ok) return identity.why;
  const ask = recordedAsk(record);
  if (!ask.ok) return ask.why;
  return explained(
    catalog.current(),
    moved(identity.value, toSeconds(now) - toSeconds(Date.parse(record.at))),
    ask.value,
    now,
  );
}

function moved(identity: VerifiedIdentity, seconds: number): VerifiedIdentity {
  return { ...identity, issuedAt: identity.issuedAt + seconds, expiresAt: identity.expiresAt + seconds };
}
