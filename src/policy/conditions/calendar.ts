/** What a method of timestamps reads off the calendar; months, days of month and of year from 0, Sunday is 0 (CEL). */
export const CALENDAR_FIELDS: Readonly<Record<string, (at: Temporal.ZonedDateTime) => number>> = {
  getFullYear: ({ year }) => year,
  getMonth: ({ month }) => month - 1,
  getDate: ({ day }) => day,
  getDayOfMonth: ({ day }) => day - 1,
  getDayOfWeek: ({ dayOfWeek }) => dayOfWeek % 7,
  getDayOfYear: ({ dayOfYear }) => dayOfYear - 1,
  getHours: ({ hour }) => hour,
  getMinutes: ({ minute }) => minute,
  getSeconds: ({ second }) => second,
  getMilliseconds: ({ millisecond }) => millisecond,
};

/**
 * A moment in a zone: a name of the IANA database, or an offset such as `02:00`, `+02:00`, `-02:00`. It does not depend
 * on the zone that the process runs in. Throws RangeError for a zone that there is not.
 */
export function inZone(milliseconds: number, zone: string): Temporal.ZonedDateTime {
  const offset = /^\d\d:\d\d$/.test(zone) ? `+${zone}` : zone;
  return Temporal.Instant.fromEpochMilliseconds(milliseconds).toZonedDateTimeISO(offset);
}

export function isZone(zone: string): boolean {
  // Temporal also takes a whole date with a zone in brackets.
  if (!/^(?:[+-]?\d\d:\d\d|[A-Za-z][\w+/-]*)$/.test(zone)) return false;
  try {
    inZone(0, zone);
    return true;
  } catch {
    return false;
  }
}
