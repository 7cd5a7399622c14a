import type { ErrorKey, Reason } from './oauth-error.ts';
import type { TokenType } from './token-types.ts';

/** What a request asks of policy: one address and wishes that can only narrow. */
export interface Ask {
  /** The one `audience` or `resource` of the request, `urn:carnet:mapping:` already taken off. */
  readonly address: string;
  readonly requestedTokenType?: TokenType;
  /** Scope words of the request, empty when it named none. */
  readonly scopes: readonly string[];
  /** `requested_expires_in`, seconds. */
  readonly ttlSeconds?: number;
  /** A narrowing in the cloud's own words, as its SDK sent it: passed on only where the intents are `unrestricted`. */
  readonly narrowing?: CallerNarrowing;
}

/** What a cloud's SDK may send beside its token to get less than the mapping gives (DESIGN section 9). */
export type CallerNarrowing =
  | { readonly kind: 'aws'; readonly policy?: string; readonly policyArns: readonly string[] }
  /** `options` of Google's STS: the JSON text of `{"accessBoundary": ...}`. */
  | { readonly kind: 'gcp'; readonly accessBoundary: string };

/** What holds the credential to the mapping's intents (DESIGN section 7). */
export type EnforcedBy =
  | 'session-policy'
  | 'credential-access-boundary'
  | 'scope'
  | 'registry-token'
  | 'identity-selection'
  | 'none';

/** Just-in-time access that was approved. */
export interface GrantedAccess {
  /** Name of the AccessRequest. */
  readonly request: string;
  /** Milliseconds: nothing that is given for it lives for longer. */
  readonly until: number;
  /** It is good for so many credentials: each is counted before it may exist. */
  readonly counted?: true;
  /** Opened by one person alone. */
  readonly breakGlass?: true;
}

/** Just-in-time access that there is not, or not now: what people would be asked. */
export interface AwaitedAccess {
  readonly request: string;
  readonly state: 'none' | 'asked' | 'approved' | 'denied' | 'withdrawn' | 'expired';
  readonly mapping: string;
  readonly mappingVersion: string;
  /** How many people have to approve. */
  readonly needed: number;
  readonly durationSeconds: number;
  readonly maxUses?: number;
}

interface GrantBase {
  /** Name of the mapping that grants. */
  readonly mapping: string;
  /** The target's own name for what is granted: a role ARN, an SVID audience. */
  readonly targetId: string;
  readonly ttlSeconds: number;
  /**
   * Present where the target gives lifetimes of its own choice and the mapping accepts that in writing: `ttlSeconds` is
   * then a wish, the credential says its own end, and one that lives for longer than this many seconds (the lowest cap
   * of the guardrails, Infinity without one) is dropped.
   */
  readonly ttlCeilingSeconds?: number;
  readonly issuedTokenType: TokenType;
  /** One entry per intent, in the mapping's order; empty when the intents are `unrestricted` or the target has none. */
  readonly enforcedBy: readonly EnforcedBy[];
  /** `assertion`: the caller gets Carnet's signed assertion and calls the cloud itself. */
  readonly deliver: 'credentials' | 'assertion';
  /** Pods of one ServiceAccount may be given one and the same credential of a cloud. */
  readonly shareAcrossPods?: true;
  /** Present where the mapping gives nothing without it. */
  readonly access?: GrantedAccess;
}

/** Everything that AWS will be asked for; all templates resolved. */
export interface AwsGrant extends GrantBase {
  readonly kind: 'aws';
  readonly roleArn: string;
  readonly region: string;
  /** 2..64 characters of `[\w+=,.@-]`; the source identity is the same text. */
  readonly sessionName: string;
  /** Session tags; `carnet:` ones are Carnet's own. */
  readonly tags: Readonly<Record<string, string>>;
  /** Which of `tags` stay through role chaining. */
  readonly transitiveTagKeys: readonly string[];
  /** The inline session policy, minified JSON of at most 2,048 characters; absent where nothing is narrowed. */
  readonly policy?: string;
  /** Managed session policies, in the mapping's order. */
  readonly policyArns?: readonly string[];
  /** A role that is assumed with the session of `roleArn`; the caller gets that second session (at most 1 h). */
  readonly secondHop?: { readonly roleArn: string; readonly externalId?: string };
}

/** Everything that Google Cloud will be asked for. */
export interface GcpGrant extends GrantBase {
  readonly kind: 'gcp';
  /** `//iam.googleapis.com/projects/N/locations/global/workloadIdentityPools/P/providers/Q`; audience of the assertion. */
  readonly provider: string;
  /** Email; absent: the federated token itself is the credential. */
  readonly serviceAccount?: string;
  /** Emails between the federated identity and `serviceAccount`, in order. */
  readonly delegates: readonly string[];
  readonly scopes: readonly string[];
  /** Present: an ID token for this audience in place of an access token. */
  readonly idTokenAudience?: string;
  /** Credential Access Boundary: minified JSON text of `{"accessBoundary": ...}`, at most 2,048 characters. */
  readonly accessBoundary?: string;
}

/** Everything that Entra will be asked for. */
export interface AzureGrant extends GrantBase {
  readonly kind: 'azure';
  readonly tenant: string;
  readonly clientId: string;
  /** One resource: `https://storage.azure.com/.default`. */
  readonly scope: string;
  /** Origin of the authority: `https://login.microsoftonline.com` or a sovereign cloud's. */
  readonly authority: string;
  /** Audience of the assertion, that of the authority's cloud. */
  readonly assertionAudience: string;
  /** Present: the token is exchanged for one of this registry, good for pulling these repositories only. */
  readonly registry?: { readonly host: string; readonly repositories: readonly string[] };
}

/** Everything that an OAuth server will be asked for. */
export interface OauthGrant extends GrantBase {
  readonly kind: 'oauth';
  /** The server's issuer, byte for byte; audience of the assertion. */
  readonly issuer: string;
  /** RFC 8693 with the assertion as subject token, or RFC 7523 with it as the grant. */
  readonly grantType: 'token-exchange' | 'jwt-bearer';
  readonly scopes: readonly string[];
  /** `audience` and `resource` parameters of the request. */
  readonly audience?: string;
  readonly resource?: string;
  readonly clientId?: string;
}

export interface JwtSvidGrant extends GrantBase {
  readonly kind: 'jwtSvid';
  readonly audience: string;
  readonly spiffeId: string;
}

/** The narrow thing that policy allows, fully resolved: the effect half of a target needs nothing else. */
export type Grant = AwsGrant | GcpGrant | AzureGrant | OauthGrant | JwtSvidGrant;

/** One step of a decision, in order, for the audit reader and `explain`; never shown to callers. */
export interface Step {
  readonly step:
    | 'candidates'
    | 'mapping'
    | 'active'
    | 'token-type'
    | 'expiry'
    | 'grant'
    | 'pod-binding'
    | 'access'
    | 'guardrails'
    | 'when'
    | 'ttl'
    | 'scope'
    | 'identity'
    | 'intents';
  readonly passed: boolean;
  readonly detail: string;
}

/**
 * What a mapping would have come to that does not enforce, for record and metrics; the answer does not depend on it. With
 * `report` it is the mapping that decided, with `shadow` one that takes no part.
 */
export interface Beside {
  readonly mode: 'report' | 'shadow';
  readonly outcome: 'allowed' | 'refused';
  /** Absent where several shadows are equally specific. */
  readonly mapping?: string;
  readonly reason?: Reason;
  readonly detail?: string;
}

export interface Allowed {
  readonly outcome: 'allowed';
  readonly mapping: string;
  readonly grant: Grant;
  /** The mapping or the issuer lets each token be used once only: it has to be used up before anything is issued. */
  readonly replay?: 'once';
  readonly beside?: readonly Beside[];
}

export interface Refused {
  readonly outcome: 'refused';
  /** `target_refused` when no mapping selects the caller, `target_denied` with a reason when one does. */
  readonly error: Extract<ErrorKey, 'target_refused' | 'target_denied' | 'scope_refused'>;
  /** The mapping that selected the caller. */
  readonly mapping?: string;
  readonly reason?: Reason;
  /** The truth, for audit and `explain`. */
  readonly detail: string;
  /** With `awaiting_approval`. */
  readonly awaiting?: AwaitedAccess;
  readonly beside?: readonly Beside[];
}

/** Policy's answer: a pure function of snapshot, identity, ask and time. */
export type Decision = Allowed | Refused;

/** With what each gate said, in their order, up to the first that refuses. */
export type Explained = Decision & { readonly steps: readonly Step[] };
