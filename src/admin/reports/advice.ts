import { documentText } from '../../resources/document-text.ts';
import { durationSeconds } from '../../resources/duration.ts';
import type { FederationMappingSpec } from '../../resources/federation-mapping.ts';
import { targetOf, ttlLimitsOf } from '../../resources/targets/target.ts';
import { documentOf } from '../resource-view.ts';
import type { MappingFacts } from './mapping-facts.ts';
import type { MappingUsage, Usage } from './usage.ts';
import { workloadText } from './workload.ts';

/** Something about a mapping that its use does not call for, and the change that mends it. */
export interface Advice {
  readonly mapping: string;
  readonly kind: 'unused' | 'wildcard' | 'ttl';
  /** In a sentence, with the figures behind it. */
  readonly says: string;
  /** The whole mapping as YAML, with all that is advised of it done; the same for each advice about one mapping. */
  readonly change: string;
}

/** One thing to change, and the fields of the spec that it gives another value. */
interface Point extends Pick<Advice, 'kind' | 'says'> {
  readonly fields: Partial<FederationMappingSpec>;
}

/** Fewer requests than these say nothing about what is needed. */
const ENOUGH = 20;
/** Nearly all of them: one that comes back early by accident is no habit. */
const HABIT = 0.95;
const AFTER_UNUSED_MS = 7 * 86_400_000;
/** Nobody has to use a mapping at once. */
const YOUNG_MS = 7 * 86_400_000;

/**
 * What use alone tells; `now` in milliseconds. Whether a credential was used is for its cloud to know: Carnet sees who
 * asked, for how long, and how soon again.
 */
export function adviceOf(mappings: readonly MappingFacts[], usage: Usage, now: number): readonly Advice[] {
  return mappings
    .filter(({ state, spec }) => state === 'in-force' && spec.mode === 'enforce')
    .flatMap((mapping) => {
      const used = usage.of(mapping.name);
      const points = used === undefined ? unused(mapping, now) : [...wildcard(mapping, used), ...ttl(mapping, used)];
      const change = points.length === 0 ? '' : changed(mapping, points);
      return points.map(({ kind, says }) => ({ mapping: mapping.name, kind, says, change }));
    });
}

function changed({ name, labels, spec }: MappingFacts, points: readonly Point[]): string {
  const fields = points.map((point) => point.fields);
  return documentText(
    documentOf({ kind: 'FederationMapping', name, labels, spec: Object.assign({}, spec, ...fields) }),
  );
}

function unused({ spec, writtenAt }: MappingFacts, now: number): readonly Point[] {
  const end = now + AFTER_UNUSED_MS;
  if (spec.expiresAt !== undefined && Date.parse(spec.expiresAt) <= end) return [];
  if (writtenAt !== undefined && now - writtenAt < YOUNG_MS) return [];
  const written = writtenAt === undefined ? '' : ` (it was written at ${new Date(writtenAt).toISOString()})`;
  const says = `it allowed no request${written}; let it end, or delete it`;
  return [{ kind: 'unused', says, fields: { expiresAt: new Date(end).toISOString() } }];
}

function wildcard({ spec }: MappingFacts, { workloads, manyWorkloads, allowed }: MappingUsage): readonly Point[] {
  const { subject } = spec;
  const [only, another] = workloads;
  if (subject.spiffeId !== undefined) return [];
  const isWide = subject.namespace === '*' || subject.serviceAccount === '*' || subject.issuerSelector !== undefined;
  if (!isWide || only?.namespace === undefined || only.serviceAccount === undefined) return [];
  if (another !== undefined || manyWorkloads || allowed < ENOUGH) return [];
  const { issuer, namespace, serviceAccount } = only;
  const binding = subject.binding === undefined ? {} : { binding: subject.binding };
  const says = `it is for many, and all ${allowed} requests came from ${workloadText(only)}`;
  return [{ kind: 'wildcard', says, fields: { subject: { issuer, namespace, serviceAccount, ...binding } } }];
}

function ttl({ spec }: MappingFacts, used: MappingUsage): readonly Point[] {
  const { wishes, returns, allowed, longestGranted } = used;
  const target = targetOf(spec.target);
  const limits = target && ttlLimitsOf(target);
  if (limits === undefined || limits.targetChooses !== undefined) return [];
  const max = spec.ttl?.max === undefined ? limits.defaultMaxSeconds : durationSeconds(spec.ttl.max);
  const wished = wholeMinutes(Math.max(limits.minSeconds, wishes.longest));
  if (wishes.count === allowed && allowed >= ENOUGH && wished * 2 <= max) {
    const says = `all ${allowed} requests wanted ${wishes.longest} s at most, and it gives up to ${max} s`;
    return [{ kind: 'ttl', says, fields: { ttl: cappedAt(wished, spec.ttl) } }];
  }
  const enough = wholeMinutes(Math.max(limits.minSeconds, returns.longestEarly * 2));
  if (returns.early < ENOUGH || returns.early < returns.count * HABIT || enough >= longestGranted) return [];
  const times = `${returns.early} of ${returns.count} times the same holder asked again within ${returns.longestEarly} s`;
  const says = `${times}, and a life is up to ${longestGranted} s`;
  return [{ kind: 'ttl', says, fields: { ttl: { ...spec.ttl, default: minutes(enough) } } }];
}

/** A default above the new maximum comes down to it. */
function cappedAt(seconds: number, ttl: FederationMappingSpec['ttl']): FederationMappingSpec['ttl'] {
  const max = minutes(seconds);
  const isAbove = ttl?.default !== undefined && durationSeconds(ttl.default) > seconds;
  return { ...ttl, max, ...(isAbove && { default: max }) };
}

/** In seconds, one at least. */
function wholeMinutes(seconds: number): number {
  return Math.ceil(Math.max(seconds, 1) / 60) * 60;
}

function minutes(seconds: number): string {
  return `${seconds / 60}m`;
}
