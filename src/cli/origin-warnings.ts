import { isUnlisted, type OriginRules, unlistedOrigin, unlistedOrigins } from '../catalog/unlisted-origins.ts';
import type { Document, Fault } from '../resources/document.ts';
import type { TrustedIssuers } from '../resources/issuers.ts';

/** Issuers whose keys, and OAuth servers that, lie at a private address that `outbound.allowOrigins` lacks. */
export function originWarnings(
  issuers: TrustedIssuers,
  documents: readonly Document[],
  rules: OriginRules,
): readonly Fault[] {
  return [...issuerWarnings(issuers, documents, rules), ...documents.flatMap((one) => serverWarnings(one, rules))];
}

function issuerWarnings(issuers: TrustedIssuers, documents: readonly Document[], rules: OriginRules): readonly Fault[] {
  return [...issuers.byName.values()].flatMap((issuer) => {
    const document = documents.find(({ kind, name }) => kind === 'TrustedIssuer' && name === issuer.name);
    if (document === undefined) return [];
    return unlistedOrigins(issuer, rules).map((origin) => warning(document, ['spec', 'keys'], unlistedOrigin(origin)));
  });
}

function serverWarnings(document: Document, rules: OriginRules): readonly Fault[] {
  if (!document.valid || document.kind !== 'FederationMapping') return [];
  const { oauth } = document.spec.target;
  if (oauth === undefined) return [];
  const { origin } = new URL(oauth.issuer);
  if (!isUnlisted(origin, rules)) return [];
  const message = unlistedOrigin(origin, 'the OAuth server cannot be asked');
  return [warning(document, ['spec', 'target', 'oauth', 'issuer'], message)];
}

function warning({ source, kind, name }: Document, path: readonly string[], message: string): Fault {
  const hint = 'add it to outbound.allowOrigins in the configuration';
  return {
    source: source.id,
    line: source.line(path),
    kind,
    name,
    field: path.join('.'),
    message,
    hint,
    severity: 'warning',
  };
}
