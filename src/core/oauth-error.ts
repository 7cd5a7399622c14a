/** HTTP status of each OAuth error code that Carnet answers with (RFC 6749 section 5.2, RFC 8693 section 2.2.2). */
export const STATUS = {
  invalid_request: 400,
  invalid_target: 400,
  invalid_scope: 400,
  unsupported_grant_type: 400,
  invalid_client: 401,
  slow_down: 429,
  temporarily_unavailable: 503,
  server_error: 500,
} as const;
export type OAuthErrorCode = keyof typeof STATUS;

/** Why a mapping that selects the caller refused it: all that a caller learns of policy (DESIGN section 6). */
export const REASONS = [
  'condition_not_met',
  'not_bound_to_pod',
  'mapping_expired',
  'guardrail',
  'awaiting_approval',
  'not_granted',
  'token_type',
  'cloud_trust_missing',
  'ttl_below_target_minimum',
  'intents_not_enforceable',
  'no_spiffe_id',
  'ambiguous_mapping',
  'inactive',
] as const;
export type Reason = (typeof REASONS)[number];

interface Row {
  readonly code: OAuthErrorCode;
  /** Set where a framework's or HTTP's own status says more than the code's (RFC 9110). */
  readonly status?: number;
  /** Fixed ASCII text; what the caller may read, with the mend where there is one (E16). */
  readonly description: string;
}

/** The closed table of everything a caller can be told. `docs/errors.md` lists it row by row. */
export const ERRORS = {
  method_not_allowed: { code: 'invalid_request', status: 405, description: 'this endpoint answers POST only' },
  method_not_served: {
    code: 'invalid_request',
    status: 405,
    description: 'this path answers only the methods of its Allow header',
  },
  malformed_http: { code: 'invalid_request', description: 'the HTTP request is malformed' },
  headers_too_large: { code: 'invalid_request', status: 431, description: 'the request headers are too large' },
  request_timeout: { code: 'invalid_request', status: 408, description: 'the request did not arrive in time' },
  not_found: { code: 'invalid_request', status: 404, description: 'there is nothing at this path' },
  content_type: {
    code: 'invalid_request',
    description: 'send one Content-Type: application/x-www-form-urlencoded, without Content-Encoding',
  },
  body_too_large: { code: 'invalid_request', status: 413, description: 'the request body is larger than 64 KiB' },
  parameter_too_large: { code: 'invalid_request', status: 413, description: 'a token parameter is larger than 16 KiB' },
  malformed_form: { code: 'invalid_request', description: 'the form body is not valid percent-encoded UTF-8' },
  too_many_parameters: { code: 'invalid_request', description: 'the form has more than 64 parameters' },
  parameter_in_query: { code: 'invalid_request', description: 'parameters belong in the form body, not in the URL' },
  repeated_parameter: {
    code: 'invalid_request',
    description: 'a parameter other than audience and resource is repeated',
  },
  client_authentication: {
    code: 'invalid_client',
    description: 'this endpoint takes no client authentication; put the token in subject_token',
  },
  grant_type_missing: { code: 'invalid_request', description: 'grant_type is missing' },
  grant_type_unsupported: {
    code: 'unsupported_grant_type',
    description: 'grant_type must be urn:ietf:params:oauth:grant-type:token-exchange',
  },
  subject_token_missing: { code: 'invalid_request', description: 'subject_token is missing' },
  subject_token_type_missing: { code: 'invalid_request', description: 'subject_token_type is missing' },
  subject_token_type_unsupported: {
    code: 'invalid_request',
    description: 'subject_token_type must be urn:ietf:params:oauth:token-type:jwt, or id_token for an OIDC issuer',
  },
  actor_token_pairing: {
    code: 'invalid_request',
    description: 'actor_token and actor_token_type come together or not at all',
  },
  actor_token_unsupported: { code: 'invalid_request', description: 'actor_token is not accepted here' },
  requested_token_type_unsupported: { code: 'invalid_request', description: 'requested_token_type is not known' },
  requested_expires_in_malformed: {
    code: 'invalid_request',
    description: 'requested_expires_in must be a whole number of seconds above zero',
  },
  options_malformed: {
    code: 'invalid_request',
    description: 'options must be JSON text of an accessBoundary and nothing else, of at most 2048 characters',
  },
  sts_action: {
    code: 'invalid_request',
    description: 'of STS only AssumeRoleWithWebIdentity, version 2011-06-15, is served here; send other calls to AWS',
  },
  sts_parameter: {
    code: 'invalid_request',
    description: 'a parameter of AssumeRoleWithWebIdentity is missing, unknown or outside its limits',
  },
  client_assertion: {
    code: 'invalid_request',
    description: 'send client_id, and the workload token as client_assertion of type jwt-bearer',
  },
  client_credentials: { code: 'unsupported_grant_type', description: 'grant_type must be client_credentials' },
  target_missing: { code: 'invalid_target', description: 'name one target in audience or resource' },
  target_repeated: { code: 'invalid_target', description: 'name exactly one target in audience or resource' },
  resource_malformed: { code: 'invalid_target', description: 'resource must be an absolute URI without a fragment' },
  token_missing: {
    code: 'invalid_request',
    status: 401,
    description: 'send the workload token in the Authorization header',
  },
  token_malformed: { code: 'invalid_request', description: 'the subject token is not a well-formed signed JWT' },
  token_issuer: {
    code: 'invalid_request',
    description: 'the subject token is from an issuer that is not trusted here',
  },
  token_signature: { code: 'invalid_request', description: 'the subject token is not signed by a key of its issuer' },
  token_audience: {
    code: 'invalid_request',
    description: 'the subject token is not meant for this service; request one with its audience',
  },
  token_expired: { code: 'invalid_request', description: 'the subject token has expired; read it anew from its file' },
  token_not_yet_valid: { code: 'invalid_request', description: 'the subject token is not valid yet; check the clocks' },
  token_lifetime: {
    code: 'invalid_request',
    description: 'the subject token lives longer than is accepted; request a shorter one',
  },
  token_claims: {
    code: 'invalid_request',
    description: 'a claim of the subject token is missing, contradicts another or binds it to something else',
  },
  token_revoked: {
    code: 'invalid_request',
    description: 'the cluster no longer accepts the subject token: what it was issued to is gone',
  },
  token_type_for_issuer: {
    code: 'invalid_request',
    description: 'subject_token_type does not fit the issuer of the token',
  },
  token_replayed: {
    code: 'invalid_request',
    description: 'the subject token has been used already and may be used once; request a new one',
  },
  target_refused: { code: 'invalid_target', description: 'no target that you may use answers to this name' },
  target_denied: { code: 'invalid_target', description: 'the target refuses this workload; the reason names why' },
  scope_refused: { code: 'invalid_scope', description: 'the scope is malformed or wider than the target allows' },
  rate_limited: { code: 'slow_down', description: 'too many requests; wait as Retry-After says' },
  keys_unavailable: {
    code: 'temporarily_unavailable',
    description: 'the keys of the token issuer cannot be had right now',
  },
  review_unavailable: {
    code: 'temporarily_unavailable',
    description: 'the cluster of the subject token cannot be asked right now whether it is still valid',
  },
  replay_unavailable: {
    code: 'temporarily_unavailable',
    description: 'whether the subject token has been used already cannot be told right now',
  },
  access_unavailable: {
    code: 'temporarily_unavailable',
    description: 'whether the access that was approved still holds cannot be told right now',
  },
  audit_unavailable: {
    code: 'temporarily_unavailable',
    description: 'the audit log cannot be written, so nothing is issued',
  },
  signing_unavailable: {
    code: 'temporarily_unavailable',
    description: 'the service has no key of its own that may sign right now',
  },
  target_unavailable: { code: 'temporarily_unavailable', description: 'the target cannot be reached or is throttling' },
  overloaded: { code: 'temporarily_unavailable', description: 'the service is too busy or is shutting down' },
  internal: { code: 'server_error', description: 'internal error' },
} as const satisfies Record<string, Row>;
export type ErrorKey = keyof typeof ERRORS;

interface Detail {
  /** One word of policy for a caller whom a mapping selected. */
  readonly reason?: Reason;
  readonly retryAfterSeconds?: number;
  /** For log and audit only: what exactly was wrong. No token, key or cloud answer. */
  readonly detail?: string;
  /** Name of the TrustedIssuer whose token is refused, where one is known: for the audit summary. */
  readonly issuer?: string | undefined;
  /** With `awaiting_approval`: the AccessRequest, for the caller to name to whoever approves. */
  readonly accessRequest?: { readonly name: string; readonly state: string } | undefined;
  readonly cause?: unknown;
}

/** The one error of a request: thrown where the fact is known, rendered in one place. `message` is what the caller may read. */
export class OAuthError extends Error {
  override readonly name = 'OAuthError';
  readonly key: ErrorKey;
  readonly code: OAuthErrorCode;
  readonly status: number;
  readonly reason: Reason | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly detail: string | undefined;
  readonly issuer: string | undefined;
  readonly accessRequest: Detail['accessRequest'];

  constructor(key: ErrorKey, { reason, retryAfterSeconds, detail, issuer, accessRequest, cause }: Detail = {}) {
    const row: Row = ERRORS[key];
    const status = row.status ?? STATUS[row.code];
    const { stackTraceLimit } = Error;
    // Where a caller's mistake was found says nothing, and to write it down costs as much as reading a token does.
    if (status < 500) Error.stackTraceLimit = 0;
    super(row.description, { cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.key = key;
    this.code = row.code;
    this.status = status;
    this.reason = reason;
    this.retryAfterSeconds = retryAfterSeconds ?? (this.status === 503 || this.status === 429 ? 5 : undefined);
    this.detail = detail;
    this.issuer = issuer;
    this.accessRequest = accessRequest;
  }

  /** Anything thrown, as an OAuthError; what Carnet did not foresee is `server_error` and says nothing (E12). */
  static from(thrown: unknown): OAuthError {
    return thrown instanceof OAuthError ? thrown : new OAuthError('internal', { cause: thrown });
  }
}
