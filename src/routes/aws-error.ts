import type { OAuthError, OAuthErrorCode } from '../core/oauth-error.ts';

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
  if (error.code === 'invalid_target' || error.code === 'invalid_scope') return { code: 'AccessDenied', status: 403 };
  return { code: CODES[error.code], status: error.status };
}

/** Both spellings of the two members that SDKs look for; the message carries what has no member of its own. */
export function awsError(error: OAuthError, traceId: string) {
  const { code, status } = codeAndStatus(error);
  const reason = error.reason === undefined ? '' : ` (${error.reason})`;
  const message = `${error.message}${reason} [trace ${traceId}]`;
  return { status, body: { Code: code, Message: message, code, message } };
}
