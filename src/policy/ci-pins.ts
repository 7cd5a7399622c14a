import type { Document, DocumentOf, Fault } from '../resources/document.ts';
import type { TrustedIssuer, TrustedIssuers } from '../resources/issuers.ts';
import { TARGETS, targetOf } from '../resources/targets/target.ts';
import { CI_SYSTEMS, type CiSystem } from './ci-systems.ts';
import { warningAt } from './fault.ts';
import { ANY, carries } from './subject.ts';

type MappingDocument = DocumentOf<'FederationMapping'>;

/**
 * Mappings to clouds whose CI jobs are told apart by less than is wise: by names alone, which somebody else can take once
 * they are given up, or from wherever in a project anybody may push. Advice only; nothing is refused for it.
 */
export function ciPinWarnings(documents: readonly Document[], issuers: TrustedIssuers): readonly Fault[] {
  return documents.flatMap((document) => {
    if (!document.valid || document.kind !== 'FederationMapping') return [];
    const target = targetOf(document.spec.target);
    if (target === undefined || !TARGETS[target.kind].cloud) return [];
    return meant(document, issuers).flatMap((issuer) => warningsOf(document, issuer));
  });
}

function meant({ spec: { subject } }: MappingDocument, { byName }: TrustedIssuers): readonly TrustedIssuer[] {
  const { issuer, issuerSelector } = subject;
  if (issuer !== undefined) return [byName.get(issuer) ?? []].flat();
  return [...byName.values()].filter((one) => issuerSelector !== undefined && carries(one, issuerSelector));
}

function warningsOf(document: MappingDocument, issuer: TrustedIssuer): readonly Fault[] {
  const pinned = pinnedClaims(document, issuer);
  const system = CI_SYSTEMS.find((one) => isOf(one, issuer, pinned));
  if (system === undefined) return [];
  const path = ['spec', 'subject', document.spec.subject.claims === undefined ? 'spiffeId' : 'claims'];
  const lacks = (claims: readonly string[]) => !claims.some((claim) => pinned.has(claim));
  return [
    ...(lacks(system.ids)
      ? [
          warningAt(document, path, {
            message: `pins no id of ${system.name} that stays: a name that is given up can be taken by somebody else`,
            hint: `pin one of ${system.ids.join(', ')}, here or in requireClaims of TrustedIssuer ${issuer.name}`,
          }),
        ]
      : []),
    ...(lacks(system.places)
      ? [
          warningAt(document, path, {
            message: `pins no place of ${system.name}: any job of the project gets the credential`,
            hint: `pin one of ${system.places.join(', ')}`,
          }),
        ]
      : []),
  ];
}

/** Names of the claims that have one exact value in every token this mapping is for. */
function pinnedClaims({ spec: { subject } }: MappingDocument, { profile }: TrustedIssuer): ReadonlySet<string> {
  if (profile.kind !== 'oidc') return new Set();
  const exact = Object.entries(subject.claims ?? {}).flatMap(([name, value]) => (value === ANY ? [] : [name]));
  const inPath = subject.spiffeId === undefined ? [] : [...(profile.spiffePath ?? '').matchAll(/\{claims\.([^}]+)\}/g)];
  return new Set([...Object.keys(profile.requireClaims), ...exact, ...inPath.map(([, name = '']) => name)]);
}

function isOf(
  { issuer, own }: CiSystem,
  { issuer: iss, profile }: TrustedIssuer,
  pinned: ReadonlySet<string>,
): boolean {
  if (profile.kind !== 'oidc') return false;
  return iss === issuer || iss.startsWith(`${issuer}/`) || own.some((claim) => pinned.has(claim));
}
