const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const SEGMENT = /^[a-zA-Z0-9._-]+$/;
/** Both of them together: no segment is `.` or `..`. */
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[a-zA-Z0-9._-]+)+$/;
const MAX_BYTES = 2048;

/** True for a lower-case trust domain name (SPIFFE-ID section 2.1: letters, digits, `.`, `-`, `_`; at most 255 bytes). */
export function isTrustDomain(text: string): boolean {
  return TRUST_DOMAIN.test(text);
}

/** True for one path segment: legal characters, not empty, not `.` or `..` (SPIFFE-ID section 2.2). */
export function isPathSegment(text: string): boolean {
  return SEGMENT.test(text) && text !== '.' && text !== '..';
}

/** True for a SPIFFE ID with a path: legal characters, no segment empty, `.` or `..` (SPIFFE-ID sections 2.1 to 2.3). */
export function isSpiffeId(text: string): boolean {
  return text.length <= MAX_BYTES && SPIFFE_ID.test(text);
}

/** The parts of a SPIFFE ID with a path, or undefined when the text is not one. */
export function parseSpiffeId(text: string): { trustDomain: string; segments: readonly string[] } | undefined {
  if (!isSpiffeId(text)) return undefined;
  const [trustDomain = '', ...segments] = text.slice('spiffe://'.length).split('/');
  return { trustDomain, segments };
}
