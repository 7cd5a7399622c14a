import type { JsonObject, JsonValue } from '../core/json.ts';
import { isSpiffeId } from '../core/spiffe-id.ts';
import type { Purpose } from './authority.ts';

const MAX_CLOUD_LIFETIME_SECONDS = 300;
/** How long a retired key stays published counts on this (RETENTION_MS in key-schedule.ts). */
const MAX_SVID_LIFETIME_SECONDS = 86_400;
/** GCP's limit on `google.subject`, the tightest of the clouds (clouds.md rule 3). */
const MAX_CLOUD_SUBJECT_BYTES = 127;
/** A mapping's name, with the namespace of one that is namespaced before it. */
const MAPPING_SUBJECT = /^mapping:[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;
const NOTHING_TO_ESCAPE = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const SVID_CLAIMS = 5;

/**
 * What is to be signed for these claims: JSON, `iss` first. Refuses claims that the purpose may not sign (DESIGN section 8;
 * spiffe.md clauses 12 to 16): throws Error naming the rule and nothing of the claims. What one purpose may sign, the
 * other may not: their subjects never overlap.
 */
export function payloadOf(purpose: Purpose, issuer: string, claims: JsonObject): string {
  return purpose === 'svid' ? svidPayload(issuer, claims) : assertionPayload(issuer, claims);
}

/** Written out of the very values that were checked. */
function svidPayload(issuer: string, claims: JsonObject): string {
  const { sub, aud, iat, exp, jti } = claims;
  demand(isText(sub) && isSpiffeId(sub), 'sub of an SVID is a SPIFFE ID');
  demand(isText(aud), 'aud is one text');
  demand(isText(jti), 'jti is a text');
  demand(isTime(iat) && isTime(exp), 'iat and exp are whole seconds');
  demand(exp > iat, 'exp is after iat');
  demand(exp - iat <= MAX_SVID_LIFETIME_SECONDS, 'an SVID lives at most a day');
  // All five are there.
  demand(Object.keys(claims).length === SVID_CLAIMS, 'an SVID has no further claims');
  // A SPIFFE ID has no character that JSON would escape.
  return `{"iss":${quoted(issuer)},"sub":"${sub}","aud":${quoted(aud)},"iat":${iat},"exp":${exp},"jti":${quoted(jti)}}`;
}

/** As `JSON.stringify` writes it, which takes four times as long over what has nothing to escape. */
function quoted(text: string): string {
  return NOTHING_TO_ESCAPE.test(text) ? `"${text}"` : JSON.stringify(text);
}

function assertionPayload(issuer: string, claims: JsonObject): string {
  const payload = JSON.stringify({ iss: issuer, ...claims });
  checkAssertion(issuer, JSON.parse(payload));
  return payload;
}

function checkAssertion(issuer: string, { iss, sub, aud, iat, nbf, exp, jti }: JsonObject): void {
  demand(iss === issuer, 'iss is the issuer of the purpose');
  demand(isText(sub) && MAPPING_SUBJECT.test(sub), 'sub of an assertion names a mapping');
  demand(Buffer.byteLength(sub) <= MAX_CLOUD_SUBJECT_BYTES, 'sub of an assertion has at most 127 bytes');
  demand(isText(aud), 'aud is one text');
  demand(isText(jti), 'jti is a text');
  demand(isTime(iat) && isTime(exp), 'iat and exp are whole seconds');
  demand(exp > iat, 'exp is after iat');
  demand(isTime(nbf) && nbf <= iat, 'nbf of an assertion is a whole second, not after iat');
  demand(exp - iat <= MAX_CLOUD_LIFETIME_SECONDS, 'an assertion lives at most 300 seconds');
}

interface Expected {
  /** Encoded. */
  readonly header: string;
  readonly payload: string;
}

/**
 * Reads a signed token back as a verifier would: compact form, the header of the key that signed and, byte for byte, the
 * payload that was checked. Throws Error.
 */
export function checkSigned(token: string, { header, payload }: Expected): void {
  const first = token.indexOf('.');
  const second = token.indexOf('.', first + 1);
  const threeParts = second > first && second < token.length - 1 && !token.includes('.', second + 1);
  demand(threeParts, 'the token has three parts');
  demand(token.slice(0, first) === header, 'the header names the key that signed');
  demand(decode(token.slice(first + 1, second)) === payload, 'the payload is what was checked');
}

function decode(part: string): string {
  return Buffer.from(part, 'base64url').toString();
}

function isText(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value !== '';
}

function isTime(value: JsonValue | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

function demand(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new Error(`refused to sign: the rule "${rule}" does not hold`);
}
