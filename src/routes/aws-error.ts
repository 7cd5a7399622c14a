import type { OAuthError, OAuthErrorCode } from '../core/oauth-error.ts';
import { element, members, STS_NAMESPACE } from './aws-xml.ts';

/** AWS's names for what went wrong; SDKs print them and retry 5xx and 429 only where a retry may help. */
const CODES: Readonly<Record<OAuthErrorCode, string>> = {
  invalid_request: 'ValidationError',
  invalid_target: 'AccessDenied',
  invalid_scope: 'AccessDenied',
  unsupported_grant_type: 'ValidationError',
  invalid_client: 'AccessDenied',
  slow_down: 'ThrottlingException',
  temporarily_unavailable: 'ServiceUnavailable',
  server_error: 'InternalFailure',
};

function codeAndStatus(error: OAuthError): { code: string; status: number } {
  const { key } = error;
  if (key === 'token_missing') return { code: 'MissingAuthenticationToken', status: 401 };
  if (key === 'token_expired') return { code: 'ExpiredTokenException', status: 401 };
  if (key.startsWith('token_')) return { code: 'InvalidIdentityToken', status: 401 };
  if (key === 'sts_action') return { code: 'InvalidAction', status: 400 };
  if (error.code === 'invalid_target' || error.code === 'invalid_scope') return { code: 'AccessDenied', status: 403 };
  return { code: CODES[error.code], status: error.status };
}

/** What has no member of its own stands in the message. */
function messageOf(error: OAuthError, traceId: string): string {
  const reason = error.reason === undefined ? '' : ` (${error.reason})`;
  return `${error.message}${reason} [trace ${traceId}]`;
}

/** Both spellings of the two members that SDKs look for. */
export function awsError(error: OAuthError, traceId: string) {
  const { code, status } = codeAndStatus(error);
  const message = messageOf(error, traceId);
  return { status, body: { Code: code, Message: message, code, message } };
}

/** The same in STS's XML; there a refused token is a 400, as AWS says it (clouds.md 2.1). */
export function stsError(error: OAuthError, traceId: string) {
  const { code, status: said } = codeAndStatus(error);
  const status = said === 401 ? 400 : said;
  const facts = { Type: status < 500 ? 'Sender' : 'Receiver', Code: code, Message: messageOf(error, traceId) };
  const content = members({ Error: facts, RequestId: traceId });
  return { status, body: element('ErrorResponse', content, STS_NAMESPACE) };
}
