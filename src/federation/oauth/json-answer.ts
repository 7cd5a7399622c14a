import type { JsonObject } from '../../core/json.ts';
import type { OutboundAnswer } from '../../outbound/outbound.ts';
import { jsonObjectIn } from '../answer.ts';

/** The JSON object of an answer that says that it is JSON; undefined when it is anything else. */
export function jsonObjectOf({ headers, body }: OutboundAnswer): JsonObject | undefined {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  return type === 'application/json' ? jsonObjectIn(body) : undefined;
}
