import { isZone } from './calendar.ts';
import type { LiteralKind } from './functions.ts';
import type { Patterns } from './patterns.ts';

const DURATION = /^-?(?:\d{1,9}(?:\.\d{1,9})?(?:h|m|s|ms|us|ns))+$/;
const MAX_DURATION_LENGTH = 64;
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** Why a text is not what a function needs, undefined where it is. A pattern without fault is ready to be used. */
export function literalFault(kind: LiteralKind, text: string, patterns: Patterns): string | undefined {
  switch (kind) {
    case 'pattern':
      return patterns.fault(text);
    case 'zone':
      return isZone(text) ? undefined : 'is not a zone, such as UTC, +02:00 or Europe/Zurich';
    case 'duration':
      return text.length <= MAX_DURATION_LENGTH && DURATION.test(text)
        ? undefined
        : 'is not a duration, such as 90s or 1h30m';
    case 'timestamp':
      return TIMESTAMP.test(text) && !Number.isNaN(Date.parse(text))
        ? undefined
        : 'is not a moment, such as 2027-01-31T00:00:00Z';
    default:
      return kind satisfies never;
  }
}
