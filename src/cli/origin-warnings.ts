import { readDestination } from '../outbound/destination.ts';
import { originsOf } from '../resources/compile-issuers.ts';
import type { Document, Fault } from '../resources/document.ts';
import type { TrustedIssuers } from '../resources/issuers.ts';

/** Names that public DNS does not have: a cluster's or a company's own. */
const PRIVATE_NAME = /^[^.]+$|\.(svc|local|internal|localhost|lan|corp|home\.arpa)$|\.svc\./;

interface Rules {
  readonly allowOrigins: readonly string[];
  readonly development: boolean;
}

/**
 * Issuers whose keys lie at a private address that `outbound.allowOrigins` lacks, as far as the address alone tells:
 * a public name that resolves to a private address shows when it is fetched.
 */
export function originWarnings(
  issuers: TrustedIssuers,
  documents: readonly Document[],
  rules: Rules,
): readonly Fault[] {
  return [...issuers.byName.values()].flatMap((issuer) => {
    const document = documents.find(({ kind, name }) => kind === 'TrustedIssuer' && name === issuer.name);
    if (document === undefined) return [];
    return originsOf(issuer)
      .filter((origin) => needsListing(origin, rules))
      .map((origin): Fault => {
        const line = document.source.line(['spec', 'keys']);
        const { kind, name } = document;
        const message = `${origin} is a private address that outbound.allowOrigins lacks: the keys cannot be fetched`;
        const hint = 'add it to outbound.allowOrigins in the configuration';
        return { source: document.source.id, line, kind, name, field: 'spec.keys', message, hint, severity: 'warning' };
      });
  });
}

function needsListing(origin: string, { allowOrigins, development }: Rules): boolean {
  if (allowOrigins.includes(origin)) return false;
  if (PRIVATE_NAME.test(new URL(origin).hostname)) return true;
  try {
    readDestination(origin, { allowOrigins: new Set(allowOrigins), allowLoopbackHttp: development });
    return false;
  } catch {
    return true;
  }
}
