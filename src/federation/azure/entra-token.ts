import type { Secret } from '../../core/secret.ts';
import type { OutboundAnswer } from '../../outbound/outbound.ts';
import { jsonObjectIn } from '../answer.ts';
import { MAX_LIFETIME_SECONDS, tokenText } from './azure-call.ts';
import { fromEntraRefusal, unusableAnswer } from './entra-error.ts';

/** A token as Entra answered it, checked. */
export interface EntraToken {
  readonly token: Secret;
  /** Whole seconds, from the moment of the answer at the latest. */
  readonly lifetimeSeconds: number;
  /** Entra's id of the request, as its sign-in log has it. */
  readonly requestId?: string;
}

/** Reads Entra's answer as hostile input. Throws TargetFailure. */
export function readEntraToken(answer: OutboundAnswer): EntraToken {
  if (answer.status !== 200) throw fromEntraRefusal(answer);
  const members = jsonObjectIn(answer.body);
  if (members === undefined) throw unusableAnswer('it is no JSON object');
  const { token_type: tokenType, expires_in: expiresIn, access_token: accessToken } = members;
  if (typeof tokenType !== 'string' || tokenType.toLowerCase() !== 'bearer') throw unusableAnswer('no bearer token');
  if (typeof expiresIn !== 'number' || !Number.isSafeInteger(expiresIn)) throw unusableAnswer('expires_in is missing');
  if (expiresIn < 1 || expiresIn > MAX_LIFETIME_SECONDS) throw unusableAnswer('expires_in is out of range');
  const token = tokenText(accessToken);
  if (token === undefined) throw unusableAnswer('access_token is missing or not printable');
  const requestId = answer.headers['x-ms-request-id'] ?? '';
  return {
    token,
    lifetimeSeconds: expiresIn,
    // For the audit record, so bounded; an id of another shape is left out rather than refused.
    ...(/^[\w-]{1,128}$/.test(requestId) && { requestId }),
  };
}
