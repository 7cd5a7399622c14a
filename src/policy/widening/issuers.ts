import type { TrustedIssuer, TrustedIssuers } from '../../resources/issuers.ts';
import { beyond, differs, type Found, found, type WideningReason } from './reason.ts';

type Rule = (before: TrustedIssuer, after: TrustedIssuer) => readonly Found[];

/** A rule for each part, so that no new one is forgotten. */
const RULES: { readonly [K in keyof TrustedIssuer]-?: Rule } = {
  name: () => [],
  labels: (before, after) =>
    found([
      ['metadata.labels', differs(before.labels, after.labels) && 'are others, by which selectors and conditions go'],
    ]),
  issuer: (before, after) => found([['spec.issuer', before.issuer !== after.issuer && 'is another iss']]),
  previousIssuers: (before, after) =>
    found([
      ['spec.previousIssuers', after.previousIssuers.some((one) => !isKept(one, before)) && 'are more, or last longer'],
    ]),
  audiences: (before, after) =>
    beyond(before.audiences, after.audiences).map((one) => ({ field: 'spec.audiences', why: `have ${one} more` })),
  allowExtraAudiences: (before, after) =>
    found([
      [
        'spec.allowExtraAudiences',
        after.allowExtraAudiences && !before.allowExtraAudiences && 'takes tokens for others',
      ],
    ]),
  algorithms: (before, after) =>
    beyond(before.algorithms, after.algorithms).map((one) => ({ field: 'spec.algorithms', why: `have ${one} more` })),
  maxTokenLifetimeSeconds: (before, after) =>
    found([
      [
        'spec.maxTokenLifetime',
        after.maxTokenLifetimeSeconds > before.maxTokenLifetimeSeconds &&
          `is up from ${before.maxTokenLifetimeSeconds} s`,
      ],
    ]),
  clockSkewSeconds: (before, after) =>
    found([
      ['spec.clockSkew', after.clockSkewSeconds > before.clockSkewSeconds && `is up from ${before.clockSkewSeconds} s`],
    ]),
  keys: (before, after) => found([['spec.keys', differs(before.keys, after.keys) && 'come from elsewhere']]),
  profile: (before, after) => profileWidens(before.profile, after.profile),
  replay: (before, after) =>
    found([['spec.replay', before.replay !== undefined && after.replay === undefined && 'lets tokens be used again']]),
};

/** By which issuers somebody may be taken for whom nobody was taken for before. */
export function issuersWiden(before: TrustedIssuers, after: TrustedIssuers): readonly WideningReason[] {
  const names = new Set([...before.byName.keys(), ...after.byName.keys()]);
  return [...names].flatMap((name) => {
    const [old, now] = [before.byName.get(name), after.byName.get(name)];
    const reasons = old === undefined ? [{ field: '', why: 'is trusted from now on' }] : changed(old, now, after);
    return reasons.map((reason) => ({ kind: 'TrustedIssuer' as const, name, ...reason }));
  });
}

function changed(before: TrustedIssuer, after: TrustedIssuer | undefined, all: TrustedIssuers): readonly Found[] {
  if (!differs(before, after)) return [];
  const twin = [...all.byName.values()].find((one) => one.name !== before.name && isTwin(one, before));
  return [
    ...(after === undefined ? [] : Object.values(RULES).flatMap((rule) => rule(before, after))),
    ...found([['', twin && `TrustedIssuer ${twin.name} may take the tokens or keys that this one leaves`]]),
  ];
}

/** Of two that share an `iss` exactly one must verify, and a key counts for one only (DESIGN section 5). */
function isTwin(one: TrustedIssuer, other: TrustedIssuer): boolean {
  return !differs(one.keys, other.keys) || !new Set(issOf(one)).isDisjointFrom(new Set(issOf(other)));
}

function issOf({ issuer, previousIssuers }: TrustedIssuer): readonly string[] {
  return [issuer, ...previousIssuers.map((one) => one.issuer)];
}

function isKept({ issuer, notAfter }: TrustedIssuer['previousIssuers'][number], before: TrustedIssuer): boolean {
  return before.previousIssuers.some((one) => one.issuer === issuer && notAfter <= one.notAfter);
}

function profileWidens(before: TrustedIssuer['profile'], after: TrustedIssuer['profile']): readonly Found[] {
  if (before.kind === 'kubernetes' && after.kind === 'kubernetes') {
    return found([
      ['spec.kubernetes.cluster', before.cluster !== after.cluster && 'is another, which conditions read'],
      ['spec.kubernetes.spiffePath', before.spiffePath !== after.spiffePath && 'gives other SPIFFE IDs'],
      [
        'spec.kubernetes.tokenReview',
        differs(before.tokenReview, after.tokenReview) &&
          differs({ ...before.tokenReview, mode: 'require' }, after.tokenReview) &&
          'is another review, whose outcome conditions read',
      ],
    ]);
  }
  if (before.kind === 'oidc' && after.kind === 'oidc') {
    const asked = Object.entries(before.requireClaims);
    return found([
      [
        'spec.oidc.requireClaims',
        asked.some(([name, value]) => !asks(after, name, value)) && 'ask for less, or for other',
      ],
      ['spec.oidc.spiffePath', before.spiffePath !== after.spiffePath && 'gives other SPIFFE IDs'],
    ]);
  }
  return [{ field: 'spec', why: `is of kind ${after.kind} and was ${before.kind}` }];
}

function asks(
  { requireClaims }: Extract<TrustedIssuer['profile'], { kind: 'oidc' }>,
  name: string,
  value: string,
): boolean {
  return Object.hasOwn(requireClaims, name) && requireClaims[name] === value;
}
