import { z } from 'zod';

const UNIT_SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** A duration as text, `30s`, `15m`, `24h`, `7d`; parsed to whole seconds. */
export const duration = z
  .string()
  .regex(/^[1-9][0-9]{0,7}(s|m|h|d)$/, 'must be a duration such as 30s, 15m, 24h or 7d')
  .meta({ description: 'A duration: a whole number and s, m, h or d.', examples: ['15m'] });

/** Seconds of a duration text that the schema has accepted. */
export function durationSeconds(text: string): number {
  const unit = text.slice(-1) as keyof typeof UNIT_SECONDS;
  return Number(text.slice(0, -1)) * UNIT_SECONDS[unit];
}
