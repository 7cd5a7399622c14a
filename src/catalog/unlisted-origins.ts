import { readDestination } from '../outbound/destination.ts';
import { originsOf } from '../resources/compile-issuers.ts';
import type { TrustedIssuer } from '../resources/issuers.ts';

/** Names that public DNS does not have: a cluster's or a company's own. */
const PRIVATE_NAME = /^[^.]+$|\.(svc|local|internal|localhost|lan|corp|home\.arpa)$|\.svc\./;

export interface OriginRules {
  readonly allowOrigins: readonly string[];
  readonly development: boolean;
}

/**
 * Private origins of an issuer that `outbound.allowOrigins` lacks, as far as the address alone tells: a public name
 * that resolves to a private address shows when it is fetched.
 */
export function unlistedOrigins(issuer: TrustedIssuer, rules: OriginRules): readonly string[] {
  return originsOf(issuer).filter((origin) => isUnlisted(origin, rules));
}

/** What is wrong with such an origin, in words that `check` and `/readyz` share. */
export function unlistedOrigin(origin: string, consequence = 'the keys cannot be fetched'): string {
  return `${origin} is a private address that outbound.allowOrigins lacks: ${consequence}`;
}

/** True for a private origin that the operator has not listed. */
export function isUnlisted(origin: string, { allowOrigins, development }: OriginRules): boolean {
  if (allowOrigins.includes(origin)) return false;
  if (PRIVATE_NAME.test(new URL(origin).hostname)) return true;
  try {
    readDestination(origin, { allowOrigins: new Set(allowOrigins), allowLoopbackHttp: development });
    return false;
  } catch {
    return true;
  }
}
