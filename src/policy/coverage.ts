import type { DocumentOf, Source } from '../resources/document.ts';
import { durationSeconds } from '../resources/duration.ts';
import type { FederationGrantSpec } from '../resources/federation-grant.ts';
import type { TrustedIssuer, TrustedIssuers } from '../resources/issuers.ts';
import { targetOf } from '../resources/targets/target.ts';
import { namedBy, type Shortfall, targetShortfalls } from './grant-target.ts';
import { ANY, carries, issuersOf, type Subject, subjectOf } from './subject.ts';

type From = NonNullable<FederationGrantSpec['from']>;

/** The one grant by which a mapping may be, or what is missing at the one that comes nearest. */
export type Coverage = Covered | Uncovered;
export interface Covered {
  readonly ok: true;
  readonly grant: string;
  readonly maxTtlSeconds?: number;
}
export interface Uncovered {
  readonly ok: false;
  /** Absent where there is no grant at all. */
  readonly nearest?: { readonly grant: string; readonly shortfalls: readonly Shortfall[] };
}

interface Compiled {
  readonly spec: FederationGrantSpec;
  /** One object for all the mappings that it covers: there may be many. */
  readonly covered: Covered;
}

/** A mapping, and who would answer for it. */
export interface Claimed {
  readonly mapping: Pick<DocumentOf<'FederationMapping'>, 'spec'>;
  readonly source: Pick<Source, 'id' | 'author'>;
}

const NOTHING: Uncovered = { ok: false };

/** The FederationGrants in force. */
export class Coverages {
  /** The one that leaves most time first: of several that cover it is the one that counts. */
  readonly #grants: readonly Compiled[];
  readonly #issuers: TrustedIssuers;

  constructor(grants: readonly DocumentOf<'FederationGrant'>[], issuers: TrustedIssuers) {
    this.#issuers = issuers;
    this.#grants = grants.map(compiled).sort(byTime);
  }

  /** Whether one grant, of those that are named where `among` is there, holds for author, subject and target together. */
  of({ mapping: { spec }, source }: Claimed, among?: readonly string[]): Coverage {
    const subject = subjectOf(spec.subject);
    const target = targetOf(spec.target);
    if (subject === undefined || target === undefined) return NOTHING;
    const issuers = issuersOf(subject, this.#issuers);
    const named = namedBy(target, subject, issuers);
    let nearest: Uncovered['nearest'];
    for (const { spec: grant, covered } of this.#grants) {
      if (among !== undefined && !among.includes(covered.grant)) continue;
      const shortfalls = [
        ...fromShortfalls(grant.from ?? {}, { subject, issuers, source }),
        ...targetShortfalls(grant.to, target.kind, named),
      ];
      if (shortfalls.length === 0) return covered;
      if (nearest === undefined || shortfalls.length < nearest.shortfalls.length) {
        nearest = { grant: covered.grant, shortfalls };
      }
    }
    return nearest === undefined ? NOTHING : { ok: false, nearest };
  }
}

/** Whether a mapping needs a grant: scoped authors' always, all others' where the installation says so. */
export function needsGrant({ author }: Pick<Source, 'author'>, requireGrants: boolean): boolean {
  return requireGrants || author?.scoped === true;
}

/** What is wrong with a mapping that no grant covers, and at which of its fields that shows. */
export function uncovered(coverage: Uncovered) {
  const path = coverage.nearest?.shortfalls[0]?.path ?? [];
  return { path, message: shortfallText(coverage), hint: 'stay within a grant, or ask an owner for one' };
}

/** What is missing, in one sentence. */
export function shortfallText({ nearest }: Uncovered): string {
  if (nearest === undefined) return 'no FederationGrant covers it: there is none';
  const fields = nearest.shortfalls.map(({ field }) => field).join(', ');
  return `no FederationGrant covers it; the nearest, ${nearest.grant}, does not by ${fields}`;
}

function compiled({ name, spec }: DocumentOf<'FederationGrant'>): Compiled {
  const cap = spec.maxTtl === undefined ? {} : { maxTtlSeconds: durationSeconds(spec.maxTtl) };
  return { spec, covered: { ok: true, grant: name, ...cap } };
}

function byTime({ covered: a }: Compiled, { covered: b }: Compiled): number {
  const [ours, theirs] = [a.maxTtlSeconds ?? Number.MAX_VALUE, b.maxTtlSeconds ?? Number.MAX_VALUE];
  return theirs - ours || (a.grant < b.grant ? -1 : 1);
}

interface Asked {
  readonly subject: Subject;
  readonly issuers: readonly TrustedIssuer[];
  readonly source: Claimed['source'];
}

function fromShortfalls(
  { authors, issuerLabels, namespaces }: From,
  { subject: { who }, issuers, source }: Asked,
): readonly Shortfall[] {
  const found: Shortfall[] = [];
  if (authors !== undefined && !authors.some((entry) => isAuthor(entry, source))) {
    found.push({ field: 'from.authors', path: [] });
  }
  if (issuerLabels !== undefined && (issuers.length === 0 || !issuers.every((one) => carries(one, issuerLabels)))) {
    found.push({ field: 'from.issuerLabels', path: ['spec', 'subject'] });
  }
  if (namespaces !== undefined) {
    const exact = who.kind === 'workload' && who.namespace !== ANY ? who.namespace : undefined;
    if (exact === undefined || !namespaces.includes(exact)) {
      found.push({ field: 'from.namespaces', path: ['spec', 'subject'] });
    }
  }
  return found;
}

const FILE = 'file:';

/** Nobody who signs in is a file, whatever his subject is. */
function isAuthor(entry: string, { id, author }: Claimed['source']): boolean {
  if (author !== undefined) {
    return !entry.startsWith(FILE) && (entry === author.subject || author.as.includes(entry));
  }
  const file = `${FILE}${id}`;
  return entry.endsWith('*') ? file.startsWith(entry.slice(0, -1)) : entry === file;
}
