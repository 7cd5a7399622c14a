import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/** Whom the server trusts, and what it gives to whom. */
export interface OAuthTrust {
  /** Whose assertions are accepted, found by its discovery document. */
  readonly trustedIssuer: string;
  /** What each subject may have. */
  readonly subjects: Readonly<Record<string, OAuthEntitlement>>;
}

export interface OAuthEntitlement {
  /** Given in full when none is asked for. */
  readonly scopes: readonly string[];
  /** Values of `audience` and `resource` that it may ask for. */
  readonly targets?: readonly string[];
  /** The client that has to be named. */
  readonly clientId?: string;
}

export interface OAuthGranted {
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly targets: readonly string[];
  readonly exchanged: boolean;
}

/** A refusal in the words of RFC 6749 section 5.2. */
export class OAuthRefusal extends Error {
  override readonly name = 'OAuthRefusal';
  readonly code: string;

  constructor(code: string, description: string) {
    super(description);
    this.code = code;
  }
}

interface ServerRules extends OAuthTrust {
  /** The server's own issuer: the one audience that an assertion for it may have. */
  readonly issuer: string;
  readonly now: Date;
  /** Ids of assertions that have been used. */
  readonly used: Set<string>;
}

/** Reads a token request as RFC 8693 and RFC 7523 have it. Throws OAuthRefusal. */
export async function grantTo(form: URLSearchParams, rules: ServerRules): Promise<OAuthGranted> {
  if (new Set(form.keys()).size !== form.size) throw new OAuthRefusal('invalid_request', 'a parameter is repeated');
  const exchanged = form.get('grant_type') === TOKEN_EXCHANGE;
  if (!exchanged && form.get('grant_type') !== JWT_BEARER) {
    throw new OAuthRefusal('unsupported_grant_type', 'neither RFC 8693 nor RFC 7523');
  }
  const { sub = '' } = await verified(exchanged ? subjectToken(form) : (form.get('assertion') ?? ''), exchanged, rules);
  const entitlement = rules.subjects[sub];
  if (entitlement === undefined) throw refusedToken(exchanged, 'the subject is not known here');
  if ((entitlement.clientId ?? null) !== form.get('client_id')) {
    throw new OAuthRefusal('invalid_client', 'the client is not the one that is registered');
  }
  const targets = [form.get('audience'), form.get('resource')].filter((value) => value !== null);
  if (!targets.every((target) => entitlement.targets?.includes(target))) {
    throw new OAuthRefusal('invalid_target', 'the subject may not ask for this target');
  }
  const asked = form.get('scope')?.split(' ') ?? entitlement.scopes;
  if (!asked.every((scope) => entitlement.scopes.includes(scope))) {
    throw new OAuthRefusal('invalid_scope', 'the scope is wider than the subject may have');
  }
  return { subject: sub, scopes: asked, targets, exchanged };
}

function subjectToken(form: URLSearchParams): string {
  if (form.get('subject_token_type') !== JWT) throw new OAuthRefusal('invalid_request', 'subject_token_type is no jwt');
  if (form.get('requested_token_type') !== ACCESS_TOKEN) {
    throw new OAuthRefusal('invalid_request', 'only access tokens are issued');
  }
  return form.get('subject_token') ?? '';
}

async function verified(token: string, exchanged: boolean, rules: ServerRules): Promise<JWTPayload> {
  const { trustedIssuer: issuer, issuer: audience, now: currentDate, used } = rules;
  const answer = await fetch(`${issuer}/.well-known/openid-configuration`);
  const discovery = (await answer.json()) as { readonly issuer: string; readonly jwks_uri: string };
  if (discovery.issuer !== issuer) throw refusedToken(exchanged, 'the discovery document names another issuer');
  const keys = createRemoteJWKSet(new URL(discovery.jwks_uri));
  const options = { issuer, currentDate, requiredClaims: ['sub', 'jti', 'iat', 'nbf', 'exp'], algorithms: ['RS256'] };
  const { payload } = await jwtVerify(token, keys, { ...options, audience }).catch(() => {
    throw refusedToken(exchanged, 'the token does not verify');
  });
  // RFC 7523 lets an assertion have several audiences; this server wants to be meant alone.
  if (payload.aud !== audience) throw refusedToken(exchanged, 'the token is for others too');
  if (used.has(payload.jti ?? '')) throw refusedToken(exchanged, 'the token has been used');
  used.add(payload.jti ?? '');
  return payload;
}

function refusedToken(exchanged: boolean, description: string): OAuthRefusal {
  return new OAuthRefusal(exchanged ? 'invalid_request' : 'invalid_grant', description);
}
