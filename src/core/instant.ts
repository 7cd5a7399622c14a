let lastInstant = Number.NaN;
let lastText = '';

/** RFC 3339 in UTC with milliseconds. Records and log lines of one millisecond, many under load, share one text. */
export function instantText(milliseconds: number): string {
  if (milliseconds !== lastInstant) {
    lastText = new Date(milliseconds).toISOString();
    lastInstant = milliseconds;
  }
  return lastText;
}
