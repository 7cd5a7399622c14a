const MAX_LENGTH = 1024;

/** Starts as base64url of `{` followed by white space or a quote does: a JOSE header and whatever hangs on it by dots. */
const JWS = /e(?:y[A-DI-L]|w[k-r0-3])[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_=-]*)*/g;
const AUTHORIZATION = /\b(bearer|basic|dpop|negotiate)\s+[^\s"',;]+/gi;
const QUERY = /\?[^\s"'<>]+/g;
/** Long runs of base64 alphabet; a key or token has all three kinds of characters, a digest in hex has not. */
const LONG_RUN = /[A-Za-z0-9+/_=-]{32,}/g;
const PEM = /-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|$)/g;

/** What none of the above can be found in: hex alone, or a short text without white space and query. */
const HARMLESS = /^(?:[0-9a-f]{1,64}|[^\s?]{1,19})$/;

/** Of the harmless ones those that JSON has as they are, between quotes: most values of most lines. */
const BARE = /^(?:[0-9a-f]{1,64}|[\w./:-]{1,19})$/;

/** True for a text that stands in a log as it is, whatever field it is of. */
export function isBare(value: unknown): value is string {
  return typeof value === 'string' && BARE.test(value);
}

function looksRandom(run: string): boolean {
  return /[A-Z]/.test(run) && /[a-z]/.test(run) && /[0-9]/.test(run);
}

/**
 * Text as it may stand in a log: tokens, credentials of an Authorization header, keys and URL queries masked, length
 * bounded. The second line of defence; the first is that nothing of the kind is passed (E18).
 */
export function masked(text: string): string {
  if (HARMLESS.test(text)) return text;
  return text
    .slice(0, 16 * MAX_LENGTH)
    .replace(PEM, '[key]')
    .replace(AUTHORIZATION, '[authorization]')
    .replace(QUERY, '?[query]')
    .replace(JWS, (run) => (run.length >= 20 ? '[token]' : run))
    .replace(LONG_RUN, (run) => (looksRandom(run) ? '[token]' : run))
    .slice(0, MAX_LENGTH);
}
