import type { Grant } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import { lengthPrefixedHash } from '../core/length-prefixed-hash.ts';

/** Of an identity: what tells one token from the next, and whether its cluster could be asked about it. */
const OF_ONE_REQUEST = ['issuedAt', 'expiresAt', 'jtiSha256', 'hasJti', 'liveness'];
/** The same among claims (RFC 7519 section 4.1). */
const OF_ONE_TOKEN = ['iat', 'nbf', 'exp', 'jti'];
const TTL = ['ttlSeconds', 'ttlCeilingSeconds'];

/**
 * What two callers must have in common to be given the same credential (DESIGN section 11): a hash over all of the grant
 * and all of the identity, so that whatever is added to either keeps callers apart until somebody decides otherwise. Left
 * out is what is decided anew for each request: times and `jti` of the token, whether its cluster was asked, and the ttl
 * but for its power of two (docs/adr/0016-ttl-of-held-credentials.md).
 */
export function credentialKey(grant: Grant, identity: VerifiedIdentity): string {
  const ttlClass = Math.floor(Math.log2(grant.ttlSeconds));
  return lengthPrefixedHash(
    ...parts([without(grant, TTL), ttlClass, callerOf(identity, grant.shareAcrossPods === true)]),
  );
}

function callerOf(identity: VerifiedIdentity, shared: boolean): object {
  const caller = without(identity, OF_ONE_REQUEST);
  if (identity.kind === 'oidc') return { ...caller, claims: without(identity.claims, OF_ONE_TOKEN) };
  if (shared) return without(caller, ['pod', 'node']);
  // A token that no pod holds may be anybody's who acts as the ServiceAccount: it shares with itself only.
  return identity.pod === undefined ? { ...caller, token: identity.jtiSha256 } : caller;
}

function without(members: object, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(members).filter(([name]) => !names.includes(name)));
}

/** A value as a list of texts from which it could be read back: no two values give the same list. */
function* parts(value: unknown): Generator<string> {
  if (Array.isArray(value)) {
    yield `[${value.length}`;
    for (const item of value) yield* parts(item);
  } else if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([left], [right]) => (left < right ? -1 : 1));
    yield `{${members.length}`;
    for (const [name, member] of members) {
      yield name;
      yield* parts(member);
    }
  } else {
    yield `${typeof value} ${value}`;
  }
}
