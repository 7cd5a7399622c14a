import type { Loaded } from '../../catalog/load-resources.ts';
import type { FederationMappingSpec } from '../../resources/federation-mapping.ts';
import { intentText } from '../../resources/intents.ts';
import { type TargetSpec, targetOf } from '../../resources/targets/target.ts';

/** A mapping as reports look at it. */
export interface MappingFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: 'in-force' | 'faulty';
  /** Milliseconds: when it was written as it is. Unknown of files. */
  readonly writtenAt?: number | undefined;
  readonly spec: FederationMappingSpec;
}

/** Every mapping whose document could be read, by name. */
export function mappingFacts({ documents, compiled }: Loaded): readonly MappingFacts[] {
  const good = new Set(compiled.accepted);
  return documents
    .flatMap((one): MappingFacts[] => {
      if (one.kind !== 'FederationMapping' || !one.valid) return [];
      const { name, labels, spec, source } = one;
      return [{ name, labels, spec, writtenAt: source.at, state: good.has(one) ? 'in-force' : 'faulty' }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
}

/** Whom a mapping is for, in one line. */
export function subjectText({ subject }: FederationMappingSpec): string {
  const { issuer, issuerSelector, namespace, serviceAccount, claims, spiffeId } = subject;
  const pairs = (values: Readonly<Record<string, unknown>> = {}) =>
    Object.entries(values).map(([key, value]) => `${key}=${String(value)}`);
  const who = spiffeId ?? (claims ? pairs(claims).join(' ') : `${namespace ?? ''}/${serviceAccount ?? ''}`);
  return `${issuer ?? pairs(issuerSelector).join(',')} ${who}`;
}

/** What a mapping gives: the kind of its target, the target's own names, and what the credential is held to. */
export function reachOf({ target, intents }: FederationMappingSpec) {
  const found = targetOf(target);
  return {
    kind: found?.kind ?? '',
    targets: found === undefined ? [] : idsOf(found),
    intents: intents === undefined || intents === 'unrestricted' ? intents : intents.map(intentText),
  };
}

function idsOf(target: TargetSpec): readonly string[] {
  switch (target.kind) {
    case 'aws':
      return [target.spec.roleArn, target.spec.secondHop?.roleArn].filter((one) => one !== undefined);
    case 'gcp':
      return [target.spec.serviceAccount ?? target.spec.provider];
    case 'azure':
      return [target.spec.clientId, ...target.spec.scopes];
    case 'oauth':
      return [target.spec.issuer, target.spec.audience, target.spec.resource].filter((one) => one !== undefined);
    case 'jwtSvid':
      return target.spec.audiences;
    case 'x509Svid':
      return [];
    default:
      return target satisfies never;
  }
}
