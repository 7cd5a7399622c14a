/** Codes that the double answers with and their HTTP status (clouds.md 2.1). */
export const STS_CODES = {
  AccessDenied: 403,
  InvalidIdentityToken: 400,
  ExpiredTokenException: 400,
  IDPRejectedClaim: 403,
  IDPCommunicationError: 400,
  MalformedPolicyDocument: 400,
  PackedPolicyTooLarge: 400,
  RegionDisabledException: 403,
  ValidationError: 400,
  InvalidAction: 400,
  MissingAuthenticationToken: 403,
  IncompleteSignature: 400,
  InvalidClientTokenId: 403,
  SignatureDoesNotMatch: 403,
  ExpiredToken: 403,
  Throttling: 400,
  InternalFailure: 500,
  ServiceUnavailable: 503,
} as const;
export type StsCode = keyof typeof STS_CODES;

/** Codes that every AWS Query service shares; the model of STS does not list them. */
export const COMMON_CODES: readonly StsCode[] = [
  'AccessDenied',
  'ValidationError',
  'InvalidAction',
  'MissingAuthenticationToken',
  'IncompleteSignature',
  'InvalidClientTokenId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'Throttling',
  'InternalFailure',
  'ServiceUnavailable',
];

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

/** A refusal as AWS words it. */
export class StsRefusal extends Error {
  override readonly name = 'StsRefusal';
  readonly code: StsCode;

  constructor(code: StsCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What every answer says of the session. */
export interface SessionAnswer {
  readonly AssumedRoleUser: { readonly Arn: string; readonly AssumedRoleId: string };
  readonly Credentials: {
    readonly AccessKeyId: string;
    readonly SecretAccessKey: string;
    readonly SessionToken: string;
    readonly Expiration: string;
  };
  readonly SourceIdentity?: string;
}

/** The members of AssumeRoleResult. */
export interface ChainedAnswer extends SessionAnswer {
  readonly PackedPolicySize: number;
}

/** The members of AssumeRoleWithWebIdentityResult. */
export interface StsAnswer extends ChainedAnswer {
  readonly SubjectFromWebIdentityToken: string;
  readonly Audience: string;
  readonly Provider: string;
}

export type StsAction = 'AssumeRoleWithWebIdentity' | 'AssumeRole';

export function answerXml(action: StsAction, answer: StsAnswer | ChainedAnswer, requestId: string): string {
  const result = element(`${action}Result`, members(answer));
  const metadata = element('ResponseMetadata', members({ RequestId: requestId }));
  return `<${action}Response xmlns="${NAMESPACE}">${result}${metadata}</${action}Response>`;
}

/** `code` is free text, so that a test can send another spelling or a code that nobody knows. */
export function errorXml(code: string, message: string, requestId: string): string {
  const type = code === 'InternalFailure' || code === 'ServiceUnavailable' ? 'Receiver' : 'Sender';
  const error = element('Error', members({ Type: type, Code: code, Message: message }));
  return `<ErrorResponse xmlns="${NAMESPACE}">${error}${element('RequestId', escaped(requestId))}</ErrorResponse>`;
}

type Members = { readonly [name: string]: string | number | Members | undefined };

function members(values: object): string {
  return Object.entries(values as Members)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => element(name, typeof value === 'object' ? members(value) : escaped(String(value))))
    .join('');
}

function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`;
}

function escaped(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
