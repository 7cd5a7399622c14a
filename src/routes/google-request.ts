import type { CallerNarrowing } from '../core/decision.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { OAuthError } from '../core/oauth-error.ts';
import { TokenType } from '../core/token-types.ts';
import type { ExchangeRequest } from '../exchange/exchange-request.ts';
import { parseStrictJsonObject } from '../verifiers/strict-json.ts';
import type { Form } from './form.ts';
import { mappingAddress, subjectOf } from './token-request.ts';

/** Of an access boundary, and so of anything that could hold one (clouds.md 2.4); quoted once more it is three times that. */
const MAX_OPTIONS_LENGTH = 2048;

function parsedOptions(text: string): JsonObject | undefined {
  try {
    return parseStrictJsonObject(Buffer.from(text));
  } catch {
    return undefined;
  }
}

/** Python quotes `options` for a URL once more inside the form (clouds.md 3.4). */
function unquoted(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The accessBoundary of `options`. What else it could ask for might narrow as well, so anything else is refused. */
function narrowing(text: string | undefined): { readonly narrowing?: CallerNarrowing } {
  if (text === undefined) return {};
  if (text.length > 3 * MAX_OPTIONS_LENGTH) throw new OAuthError('options_malformed', { detail: 'too long' });
  const options = parsedOptions(text) ?? parsedOptions(unquoted(text) ?? '');
  const { accessBoundary, ...others } = options ?? {};
  if (options === undefined || Object.keys(others).length > 0) throw new OAuthError('options_malformed');
  if (accessBoundary === undefined) return {};
  const boundary = JSON.stringify({ accessBoundary });
  if (!isJsonObject(accessBoundary) || boundary.length > MAX_OPTIONS_LENGTH) throw new OAuthError('options_malformed');
  return { narrowing: { kind: 'gcp', accessBoundary: boundary } };
}

/**
 * The request that a form of Google's STS holds. The path selects: `audience` is whatever the file of the workload says,
 * and `scope` expresses no wish, because SDKs send their own default. Throws OAuthError.
 */
export function googleRequest(form: Form, mapping: string, authorized: boolean): ExchangeRequest {
  if (mapping === '') throw new OAuthError('not_found');
  const subject = subjectOf(form, authorized);
  const [requested = TokenType.accessToken] = form.get('requested_token_type') ?? [];
  if (requested !== TokenType.accessToken) throw new OAuthError('requested_token_type_unsupported');
  return {
    ...subject,
    ask: {
      address: mappingAddress(mapping),
      requestedTokenType: TokenType.accessToken,
      scopes: [],
      ...narrowing(form.get('options')?.[0]),
    },
  };
}
