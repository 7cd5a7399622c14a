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

/** A path in segments, each in parts: literal text, the name of a variable, literal text and so on. */
type Template = readonly (readonly string[])[];

const MAX_TEMPLATES = 4096;
/** Read once each: there are as many as issuers have paths. */
const templates = new Map<string, Template>();

function templateOf(spiffePath: string): Template {
  const known = templates.get(spiffePath);
  if (known !== undefined) return known;
  const segments = spiffePath.split(BETWEEN_SEGMENTS).slice(1);
  const template = segments.map((segment) => segment.split(/\{([^{}]*)\}/));
  if (templates.size === MAX_TEMPLATES) templates.clear();
  templates.set(spiffePath, template);
  return template;
}

/**
 * The SPIFFE ID by a `spiffePath` template. A variable fills within its segment only. Undefined when the identity lacks
 * a variable or a value has a character that is illegal in a SPIFFE ID: never escaped, never shortened.
 */
export function spiffeIdFromPath(
  trustDomain: string,
  spiffePath: string,
  variable: (name: string) => string | undefined,
): string | undefined {
  const segments: string[] = [];
  for (const parts of templateOf(spiffePath)) {
    const segment = fill(parts, variable);
    if (segment === undefined) return undefined;
    segments.push(segment);
  }
  return spiffeId(trustDomain, segments);
}

function fill(parts: readonly string[], variable: (name: string) => string | undefined): string | undefined {
  let filled = '';
  for (const [at, part] of parts.entries()) {
    const text = at % 2 === 0 ? part : variable(part);
    if (text === undefined || (at % 2 === 1 && text === '')) return undefined;
    filled += text;
  }
  return filled;
}
