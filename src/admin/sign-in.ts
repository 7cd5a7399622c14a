import { ADMIN_ROLES, type AdminRole, isLimited, type RoleEntry } from '../core/admin-role.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import type { JsonValue } from '../core/json.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { Secret } from '../core/secret.ts';
import { TokenType } from '../core/token-types.ts';
import { compileIssuers } from '../resources/compile-issuers.ts';
import type { TrustedIssuers } from '../resources/issuers.ts';
import { SPEC_SCHEMAS } from '../resources/resource-schemas.ts';
import type { Verify } from '../verifiers/verify.ts';
import type { Actor } from './actor.ts';
import { AdminError } from './admin-error.ts';
import type { BootstrapToken } from './bootstrap-token.ts';
import type { FirstOwner } from './first-owner.ts';

/** `admin.oidc`: who signs people in, and which claim gives which role. */
export interface AdminOidc {
  /** Exact `iss`. */
  readonly issuer: string;
  readonly audience: string;
  readonly roles: readonly RoleEntry[];
}

/** Who the bearer of a token is. Throws AdminError `unauthenticated`, `too_many`, `unavailable` or `internal`. */
export type SignIn = (token: Secret) => Promise<Actor>;

interface SignInDeps {
  readonly oidc: AdminOidc;
  readonly issuers: TrustedIssuers;
  readonly verify: Verify;
  readonly owner: FirstOwner;
  /** Absent where the configuration names none. */
  readonly bootstrap?: BootstrapToken;
  /** Told of each token that is not accepted, with a word of a closed list. Must not throw. */
  readonly onRefused: (reason: string) => void;
}

/** No name of a TrustedIssuer, so that nothing of the two can be taken for one another. */
const NAME = 'admin.oidc';

/** The issuer of `admin.oidc` as the verifier knows issuers: all its defaults and all its strictness (V1 to V11). */
export function adminIssuers({ issuer, audience }: AdminOidc, trustDomain: string): TrustedIssuers {
  const spec = SPEC_SCHEMAS.TrustedIssuer.parse({ issuer, audiences: [audience], keys: { discovery: {} }, oidc: {} });
  const source = { id: NAME, line: () => 1 };
  const document = { kind: 'TrustedIssuer', valid: true, name: NAME, labels: {}, spec, index: 0, source } as const;
  return compileIssuers([document], { trustDomain, ownIssuers: [] }).issuers;
}

/** The bootstrap token is looked at first: it is no JWT. Roles by claim come before the one that the store gives. */
export function createSignIn({ oidc, issuers, verify, owner, bootstrap, onRefused }: SignInDeps): SignIn {
  const ownersLabels = [...new Set(oidc.roles.flatMap(({ labels }) => Object.keys(labels ?? {})))];
  return async (token) => {
    if (await bootstrap?.accepts(token)) {
      return { issuer: 'carnet', subject: 'bootstrap token', roles: [], bootstrap: true };
    }
    const identity = await verify(token, TokenType.jwt, issuers).catch((error) => {
      throw refusal(error, onRefused);
    });
    const { subject } = identity;
    const given = givenTo(identity, oidc);
    const roles = everywhereOf(given);
    const actor = { issuer: oidc.issuer, subject, ...emailOf(identity), roles, given, ownersLabels };
    if (roles.includes('owner')) return actor;
    const first = await owner.get().catch((error: unknown) => {
      // While the store cannot say more, what the claims give is what somebody may.
      if (given.length === 0) throw error;
      return undefined;
    });
    const isFirst = first?.issuer === oidc.issuer && first.subject === subject;
    return isFirst ? { ...actor, roles: [...roles, 'owner'] } : actor;
  };
}

function refusal(error: unknown, onRefused: (reason: string) => void): AdminError {
  if (!(error instanceof OAuthError)) return AdminError.from(error);
  onRefused(error.key);
  if (error.status >= 500 || error.status === 429) return AdminError.from(error);
  return new AdminError('unauthenticated', { detail: DETAILS[error.key], cause: error });
}

/** What of a token's fault helps its bearer; everything else is not told. */
const DETAILS: Readonly<Record<string, string>> = {
  token_expired: 'the token has expired',
  token_not_yet_valid: 'the token is not valid yet; check the clocks',
  token_audience: 'the token is not for the audience of admin.oidc',
  token_issuer: 'the token is not from the issuer of admin.oidc',
  token_malformed: 'the token is not a signed JWT',
};

/** Some issuers write the truth of an address as a text. */
function emailOf(identity: VerifiedIdentity): Pick<Actor, 'email' | 'emailVerified'> {
  if (identity.kind !== 'oidc') return {};
  const { email, email_verified: verified } = identity.claims;
  if (typeof email !== 'string') return {};
  return { email, ...((verified === false || verified === 'false') && { emailVerified: false }) };
}

function givenTo(identity: VerifiedIdentity, { roles }: AdminOidc): readonly RoleEntry[] {
  if (identity.kind !== 'oidc') return [];
  const { claims } = identity;
  return roles.filter(({ claim, value }) => Object.hasOwn(claims, claim) && names(claims[claim], value));
}

function everywhereOf(given: readonly RoleEntry[]): readonly AdminRole[] {
  return ADMIN_ROLES.filter((role) => given.some((one) => one.role === role && !isLimited(one)));
}

function names(claim: JsonValue | undefined, value: string): boolean {
  return claim === value || (Array.isArray(claim) && claim.includes(value));
}
