import { type OriginRules, unlistedOrigin, unlistedOrigins } from '../catalog/unlisted-origins.ts';
import type { Document, Fault } from '../resources/document.ts';
import type { TrustedIssuers } from '../resources/issuers.ts';

/** Issuers whose keys lie at a private address that `outbound.allowOrigins` lacks. */
export function originWarnings(
  issuers: TrustedIssuers,
  documents: readonly Document[],
  rules: OriginRules,
): readonly Fault[] {
  return [...issuers.byName.values()].flatMap((issuer) => {
    const document = documents.find(({ kind, name }) => kind === 'TrustedIssuer' && name === issuer.name);
    if (document === undefined) return [];
    return unlistedOrigins(issuer, rules).map((origin): Fault => {
      const line = document.source.line(['spec', 'keys']);
      const { kind, name } = document;
      const message = unlistedOrigin(origin);
      const hint = 'add it to outbound.allowOrigins in the configuration';
      return { source: document.source.id, line, kind, name, field: 'spec.keys', message, hint, severity: 'warning' };
    });
  });
}
