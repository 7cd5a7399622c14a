/** Codes of google.rpc that the double answers with, and their HTTP status. */
export const RPC_CODES = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
} as const;
export type RpcCode = keyof typeof RPC_CODES;

/** Codes of STS: those of OAuth, all with HTTP 400 (clouds.md 2.4). */
export const STS_CODES = ['invalid_request', 'invalid_grant', 'invalid_target', 'unauthorized_client'] as const;
export type StsCode = (typeof STS_CODES)[number] | 'unsupported_grant_type';

/** What goes back over the wire. */
export interface WireAnswer {
  readonly status: number;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal as Google words it. */
export class GcpRefusal extends Error {
  override readonly name = 'GcpRefusal';
  readonly code: StsCode | RpcCode;
  readonly answer: WireAnswer;

  private constructor(code: StsCode | RpcCode, message: string, status: number, body: object) {
    super(message);
    this.code = code;
    this.answer = { status, body: JSON.stringify(body) };
  }

  static sts(code: StsCode, message: string): GcpRefusal {
    return new GcpRefusal(code, message, 400, { error: code, error_description: message });
  }

  static rpc(code: RpcCode, message: string): GcpRefusal {
    const status = RPC_CODES[code];
    return new GcpRefusal(code, message, status, { error: { code: status, message, status: code } });
  }

  /** Cloud Storage's JSON API has a form of its own. */
  static storage(code: RpcCode, reason: string, message: string): GcpRefusal {
    const status = RPC_CODES[code];
    const errors = [{ message, domain: 'global', reason }];
    return new GcpRefusal(code, message, status, { error: { code: status, message, errors } });
  }
}

/** The members of an answer of STS. `expires_in` is absent where the subject was a token of Google. */
export interface ExchangeAnswer {
  readonly access_token: string;
  readonly issued_token_type: string;
  readonly token_type: string;
  readonly expires_in?: number;
}

export interface AccessTokenAnswer {
  readonly accessToken: string;
  readonly expireTime: string;
}

export interface IdTokenAnswer {
  readonly token: string;
}

/** What generateAccessToken and generateIdToken read from their bodies. */
export const ACCESS_TOKEN_FIELDS = ['scope', 'lifetime', 'delegates'] as const;
export const ID_TOKEN_FIELDS = ['audience', 'includeEmail', 'delegates'] as const;
/** What STS reads: the names of its JSON form; the form body has them in snake_case. */
export const EXCHANGE_FIELDS = [
  'grantType',
  'audience',
  'scope',
  'requestedTokenType',
  'subjectToken',
  'subjectTokenType',
  'options',
] as const;

export function snakeCase(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
