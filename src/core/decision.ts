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
}

/** What holds the credential to the mapping's intents (DESIGN section 7). */
export type EnforcedBy =
  | 'session-policy'
  | 'credential-access-boundary'
  | 'scope'
  | 'registry-token'
  | 'identity-selection'
  | 'none';

interface GrantBase {
  /** Name of the mapping that grants. */
  readonly mapping: string;
  /** The target's own name for what is granted: a role ARN, an SVID audience. */
  readonly targetId: string;
  readonly ttlSeconds: number;
  readonly issuedTokenType: TokenType;
  /** One entry per intent, in the mapping's order; empty when the intents are `unrestricted` or the target has none. */
  readonly enforcedBy: readonly EnforcedBy[];
  /** `assertion`: the caller gets Carnet's signed assertion and calls the cloud itself. */
  readonly deliver: 'credentials' | 'assertion';
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
}

export interface JwtSvidGrant extends GrantBase {
  readonly kind: 'jwtSvid';
  readonly audience: string;
  readonly spiffeId: string;
}

/** The narrow thing that policy allows, fully resolved: the effect half of a target needs nothing else. */
export type Grant = AwsGrant | JwtSvidGrant;

/** One step of a decision, in order, for the audit reader and `explain`; never shown to callers. */
export interface Step {
  readonly step:
    | 'candidates'
    | 'mapping'
    | 'active'
    | 'token-type'
    | 'expiry'
    | 'pod-binding'
    | 'guardrails'
    | 'ttl'
    | 'scope'
    | 'identity'
    | 'intents';
  readonly passed: boolean;
  readonly detail: string;
}

export interface Allowed {
  readonly outcome: 'allowed';
  readonly mapping: string;
  readonly grant: Grant;
  /** The mapping or the issuer lets each token be used once only: it has to be used up before anything is issued. */
  readonly replay?: 'once';
  readonly steps: readonly Step[];
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
  readonly steps: readonly Step[];
}

/** Policy's answer: a pure function of snapshot, identity, ask and time. */
export type Decision = Allowed | Refused;
