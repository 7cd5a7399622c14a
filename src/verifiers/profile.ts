import { hash } from 'node:crypto';
import type { JsonObject } from '../core/json.ts';
import { isSpiffeId } from '../core/spiffe-id.ts';
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

/** Literal text, the name of a variable, literal text and so on. */
type Template = readonly string[];

const MAX_TEMPLATES = 4096;
/** Read once each: there are as many as issuers have paths. */
const templates = new Map<string, Template>();

function templateOf(spiffePath: string): Template {
  const known = templates.get(spiffePath);
  if (known !== undefined) return known;
  const template = spiffePath.split(/\{([^{}]*)\}/);
  if (templates.size === MAX_TEMPLATES) templates.clear();
  templates.set(spiffePath, template);
  return template;
}

/**
 * The SPIFFE ID by a `spiffePath` template, which begins with a slash. A variable fills within its segment only. Undefined
 * when the identity lacks a variable or a value has a character that is illegal in a SPIFFE ID: never escaped, never
 * shortened (SPIFFE-ID sections 2.1 to 2.3).
 */
export function spiffeIdFromPath(
  trustDomain: string,
  spiffePath: string,
  variable: (name: string) => string | undefined,
): string | undefined {
  let id = `spiffe://${trustDomain}`;
  let isName = false;
  for (const part of templateOf(spiffePath)) {
    const text = isName ? variable(part) : part;
    if (text === undefined || (isName && (text === '' || text.includes('/')))) return undefined;
    id += text;
    isName = !isName;
  }
  return isSpiffeId(id) ? id : undefined;
}
