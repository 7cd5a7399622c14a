import type { DocumentOf, Fault } from '../resources/document.ts';
import { durationSeconds } from '../resources/duration.ts';
import type { TrustedIssuer, TrustedIssuers } from '../resources/issuers.ts';
import type { NearestNames } from '../resources/nearest-name.ts';
import { TARGETS, type TargetSpec, ttlLimitsOf } from '../resources/targets/target.ts';
import { conditionFaults } from './condition-faults.ts';
import type { Conditions } from './conditions/condition.ts';
import { errorAt, warningAt } from './fault.ts';
import { intentFaults, residueWarnings } from './intent-faults.ts';
import type { ReservedAudiences } from './reserved-audiences.ts';
import { issuersOf, type Subject } from './subject.ts';
import { CALL_SECONDS } from './ttl.ts';

type MappingDocument = DocumentOf<'FederationMapping'>;

/** What a mapping is held against: everything else that this revision says. */
export interface Surroundings {
  readonly issuers: TrustedIssuers;
  /** Names of all TrustedIssuers, faulty and inactive ones too. */
  readonly issuerNames: ReadonlySet<string>;
  /** Finds which of them was meant. */
  readonly nearestIssuers: NearestNames;
  /** Names of all mappings, likewise. */
  readonly mappingNames: ReadonlySet<string>;
  readonly reserved: ReservedAudiences;
  readonly conditions: Conditions;
}

interface Examined {
  readonly document: MappingDocument;
  readonly subject: Subject;
  readonly target: TargetSpec;
  readonly surroundings: Surroundings;
}

/** `sub` of assertions, at most 127 bytes (GCP's limit, the tightest of the clouds). */
const MAX_SUB_BYTES = 127;

const CHECKS: readonly ((examined: Examined) => readonly Fault[])[] = [
  issuerFaults,
  aliasFaults,
  audienceFaults,
  subFaults,
  ttlFaults,
  accessFaults,
  intentFaults,
  whenFaults,
];

/** What is wrong with a mapping that its schema accepts. */
export function mappingFaults(examined: Examined): readonly Fault[] {
  return CHECKS.flatMap((check) => check(examined));
}

/** What a mapping does that its author may not mean. */
export function mappingWarnings(examined: Examined): readonly Fault[] {
  return replayWarnings(examined).concat(residueWarnings(examined));
}

function replayWarnings({ document, subject, surroundings }: Examined): readonly Fault[] {
  if (document.spec.replay === undefined) return [];
  const meant = issuersOf(subject, surroundings.issuers);
  if (!meant.some((issuer) => issuer.profile.kind === 'kubernetes' && canMatch(issuer, subject))) return [];
  return [
    warningAt(document, ['spec', 'replay'], {
      message: 'lets a pod use its projected token once, and the kubelet keeps that one for long',
      hint: 'leave it out unless workloads request a token for each exchange',
    }),
  ];
}

function issuerFaults({ document, subject, target, surroundings }: Examined): readonly Fault[] {
  const { issuers, issuerNames, nearestIssuers } = surroundings;
  if (subject.issuer.kind === 'name' && !issuerNames.has(subject.issuer.name)) {
    const near = nearestIssuers.of(subject.issuer.name);
    const hint = near === undefined ? undefined : `did you mean ${near}?`;
    return [
      errorAt(document, ['spec', 'subject', 'issuer'], { message: 'there is no TrustedIssuer of this name', hint }),
    ];
  }
  const meant = issuersOf(subject, issuers);
  if (meant.length === 0) return [];
  if (!meant.some((issuer) => canMatch(issuer, subject))) {
    const message = `no identity of ${namesOf(meant)} can match this subject`;
    return [
      errorAt(document, ['spec', 'subject'], {
        message,
        hint: 'namespace and serviceAccount are for clusters, claims for oidc issuers, spiffeId for issuers with a spiffePath',
      }),
    ];
  }
  if (!isSvid(target) || meant.some(givesSpiffeId)) return [];
  return [
    errorAt(document, ['spec', 'subject'], {
      message: `${namesOf(meant)} gives its identities no SPIFFE ID, so there is none for an SVID`,
      hint: 'set spiffePath on the TrustedIssuer',
    }),
  ];
}

function aliasFaults({ document, surroundings: { mappingNames } }: Examined): readonly Fault[] {
  return (document.spec.addresses ?? []).flatMap((alias, at) => {
    if (!isNameOfAnother(alias, document.name, mappingNames)) return [];
    const hint = 'a name belongs to one mapping: to share an address, a shadow too, list another one in both';
    return [errorAt(document, ['spec', 'addresses', at], { message: `${alias} is the name of another mapping`, hint })];
  });
}

function audienceFaults({ document, target, surroundings }: Examined): readonly Fault[] {
  if (target.kind !== 'jwtSvid') return [];
  const { mappingNames, reserved } = surroundings;
  return target.spec.audiences.flatMap((audience, at) => {
    const path = ['spec', 'target', 'jwtSvid', 'audiences', at];
    if (reserved.has(audience)) {
      const hint = 'a token with it would be taken for one of its own by a cloud, by an issuer or by Carnet';
      return [errorAt(document, path, { message: `${audience} is a reserved audience`, hint })];
    }
    if (!isNameOfAnother(audience, document.name, mappingNames)) return [];
    const hint = 'a name belongs to one mapping: to share the audience, a shadow too, rename that mapping';
    return [errorAt(document, path, { message: `${audience} is the name of another mapping`, hint })];
  });
}

function subFaults({ document, target }: Examined): readonly Fault[] {
  if (!TARGETS[target.kind].cloud || Buffer.byteLength(`mapping:${document.name}`) <= MAX_SUB_BYTES) return [];
  const message = `mapping:${document.name} is longer than the ${MAX_SUB_BYTES} bytes that clouds take as sub`;
  return [errorAt(document, ['metadata', 'name'], { message })];
}

/** Access that is over before the target has given what it gives at least would never give anything. */
function accessFaults({ document, target }: Examined): readonly Fault[] {
  const { access } = document.spec;
  if (access === 'standing') return [];
  const { minSeconds, targetChooses } = ttlLimitsOf(target);
  const leastSeconds = Math.max(minSeconds, targetChooses?.usualSeconds ?? 0);
  const { cloud } = TARGETS[target.kind];
  const leftSeconds = durationSeconds(access.justInTime.maxDuration) - (cloud ? CALL_SECONDS : 0);
  if (leftSeconds >= leastSeconds) return [];
  const message = `is too short: ${target.kind} gives ${leastSeconds} s, which has to end before the access`;
  return [errorAt(document, ['spec', 'access', 'justInTime', 'maxDuration'], { message })];
}

function ttlFaults({ document, target }: Examined): readonly Fault[] {
  const { ttl } = document.spec;
  const { minSeconds, defaultMaxSeconds } = ttlLimitsOf(target);
  const maxSeconds = ttl?.max === undefined ? defaultMaxSeconds : durationSeconds(ttl.max);
  if (ttl?.default !== undefined && durationSeconds(ttl.default) > maxSeconds) {
    return [errorAt(document, ['spec', 'ttl', 'default'], { message: `is above max, ${maxSeconds} s` })];
  }
  if (maxSeconds >= minSeconds) return [];
  const message = `is below the ${minSeconds} s that ${target.kind} gives at least`;
  return [errorAt(document, ['spec', 'ttl', 'max'], { message })];
}

function whenFaults({ document, surroundings: { conditions } }: Examined): readonly Fault[] {
  const { when: text } = document.spec;
  if (text === undefined) return [];
  return conditionFaults(document, { path: ['spec', 'when'], text }, conditions.compile(text));
}

/** True for the name of some other mapping: an alias must not stand in its way. */
export function isNameOfAnother(address: string, own: string, mappingNames: ReadonlySet<string>): boolean {
  return address !== own && mappingNames.has(address);
}

function canMatch(issuer: TrustedIssuer, { who }: Subject): boolean {
  if (who.kind === 'spiffeId') return givesSpiffeId(issuer);
  return issuer.profile.kind === (who.kind === 'workload' ? 'kubernetes' : 'oidc');
}

function givesSpiffeId({ profile }: TrustedIssuer): boolean {
  return profile.spiffePath !== undefined;
}

function isSvid({ kind }: TargetSpec): boolean {
  return kind === 'jwtSvid' || kind === 'x509Svid';
}

function namesOf(issuers: readonly TrustedIssuer[]): string {
  return issuers.map(({ name }) => name).join(', ');
}
