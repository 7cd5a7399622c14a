import { hash } from 'node:crypto';
import type { JsonObject } from '../core/json.ts';
import { spiffeId } from '../core/spiffe-id.ts';
import type { TrustedIssuer } from '../resources/issuers.ts';
import type { CheckedClaims } from './claims.ts';

/** A token whose signature has been verified with a key of this issuer. */
export interface SignedToken {
  readonly issuer: TrustedIssuer;
  readonly claims: JsonObject;
  readonly signingInput: string;
  /** Carnet's own trust domain. */
  readonly trustDomain: string;
  /** Milliseconds. */
  readonly now: number;
}

/** The members that identities of all platforms share. */
export function identityBase({ issuer, signingInput }: SignedToken, checked: CheckedClaims) {
  return {
    issuer: issuer.name,
    subject: checked.subject,
    issuedAt: checked.issuedAt,
    expiresAt: checked.expiresAt,
    jtiSha256: hash('sha256', checked.jti ?? signingInput, 'hex'),
    ...(checked.jti !== undefined && { hasJti: true as const }),
  };
}

/** A slash that is not inside the braces of a variable: names of claims may be addresses. */
const BETWEEN_SEGMENTS = /\/(?![^{}]*\})/;

/**
 * The SPIFFE ID by a `spiffePath` template. A variable fills within its segment only. Undefined when the identity lacks
 * a variable or a value has a character that is illegal in a SPIFFE ID: never escaped, never shortened.
 */
export function spiffeIdFromPath(
  trustDomain: string,
  spiffePath: string,
  variable: (name: string) => string | undefined,
): string | undefined {
  const segments = spiffePath
    .split(BETWEEN_SEGMENTS)
    .slice(1)
    .map((segment) => fill(segment, variable));
  return segments.every((segment) => segment !== undefined) ? spiffeId(trustDomain, segments) : undefined;
}

function fill(segment: string, variable: (name: string) => string | undefined): string | undefined {
  if (!segment.includes('{')) return segment;
  let complete = true;
  const filled = segment.replace(/\{([^{}]*)\}/g, (_, name: string) => {
    const value = variable(name);
    complete &&= value !== undefined && value !== '';
    return value ?? '';
  });
  return complete ? filled : undefined;
}
