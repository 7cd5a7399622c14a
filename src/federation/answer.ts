import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { OutboundAnswer } from '../outbound/outbound.ts';

/** More than any answer of a target has. */
export const MAX_ANSWER_BYTES = 64 * 1024;
/** Longer waits than this are not passed on: whoever waits so long may as well ask once too often. */
const MAX_RETRY_AFTER_SECONDS = 300;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** The JSON object of a body, whose bytes Outbound has bounded; undefined when it is anything else. */
export function jsonObjectIn(body: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(UTF8.decode(body));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Seconds of `Retry-After` (RFC 9110 section 10.2.3, delta-seconds only), 1 to 300; undefined when it says none. */
export function retryAfter({ headers }: Pick<OutboundAnswer, 'headers'>): number | undefined {
  const text = headers['retry-after'] ?? '';
  return /^\d{1,9}$/.test(text) ? Math.min(Math.max(Number(text), 1), MAX_RETRY_AFTER_SECONDS) : undefined;
}
