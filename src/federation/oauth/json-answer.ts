import { isJsonObject, type JsonObject } from '../../core/json.ts';
import type { OutboundAnswer } from '../../outbound/outbound.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** The JSON object of an answer, whose bytes Outbound has bounded; undefined when it is anything else. */
export function jsonObjectOf({ headers, body }: OutboundAnswer): JsonObject | undefined {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') return undefined;
  try {
    const value: unknown = JSON.parse(UTF8.decode(body));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
