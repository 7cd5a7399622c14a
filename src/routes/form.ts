import { isAscii } from 'node:buffer';
import { OAuthError } from '../core/oauth-error.ts';

const MEDIA_TYPE = /^application\/x-www-form-urlencoded[ \t]*(;.*)?$/i;
const MAX_PAIRS = 64;
const BEYOND_ASCII = /[\x80-\xff]/g;

/** Parameters by name in the order of the body. A name without a value is not there (T6). */
export type Form = ReadonlyMap<string, readonly string[]>;

/** Values of a header as they came, one for each time it was sent. */
export function headerValues(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === name) values.push(rawHeaders[index + 1] ?? '');
  }
  return values;
}

/** Throws `content_type` unless there is one form Content-Type and no Content-Encoding (T2, T3, T8). */
export function assertFormType(rawHeaders: readonly string[]): void {
  const types = headerValues(rawHeaders, 'content-type');
  const encoded = headerValues(rawHeaders, 'content-encoding').length > 0;
  const [type = ''] = types;
  if (types.length !== 1 || encoded || !MEDIA_TYPE.test(type)) throw new OAuthError('content_type');
}

/** Bytes as a text with a character each, those beyond ASCII percent-encoded: `&`, `=` and `%` stand where they stood. */
function bytesAsText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return isAscii(bytes) ? text : text.replace(BEYOND_ASCII, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
}

/** Strict percent-decoding, `+` is space, strict UTF-8 (ECMA-262 section 19.2.6.5), no NUL. Throws `malformed_form`. */
function decoded(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  const plain = spaced.includes('%') ? percentDecoded(spaced) : spaced;
  if (plain.includes('\0')) throw new OAuthError('malformed_form', { detail: 'a NUL character' });
  return plain;
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new OAuthError('malformed_form', { detail: 'malformed percent-encoding or invalid UTF-8' });
  }
}

/** Text of one name or value (T9). Throws `malformed_form`. */
export function decodeComponent(bytes: Uint8Array): string {
  return decoded(bytesAsText(bytes));
}

/**
 * The one parser of form bodies (T5 to T9): works on the bytes as they came, so that there is no second opinion about
 * them. Names repeat by their decoded text, and only those in `repeatable` may. Names are never arrays or paths.
 */
export function parseForm(body: Uint8Array, repeatable: ReadonlySet<string>): Form {
  const pairs = bytesAsText(body)
    .split('&')
    .filter((pair) => pair !== '');
  if (pairs.length > MAX_PAIRS) throw new OAuthError('too_many_parameters');
  const seen = new Set<string>();
  const form = new Map<string, string[]>();
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = decoded(equals === -1 ? pair : pair.slice(0, equals));
    const value = equals === -1 ? '' : decoded(pair.slice(equals + 1));
    if (seen.has(name) && !repeatable.has(name)) throw new OAuthError('repeated_parameter');
    seen.add(name);
    if (value === '') continue;
    const values = form.get(name);
    if (values === undefined) form.set(name, [value]);
    else values.push(value);
  }
  return form;
}

/** Decoded names of a URL's query; a name that does not decode stands as it is. */
export function queryNames(url: string): string[] {
  const start = url.indexOf('?');
  if (start === -1) return [];
  return url
    .slice(start + 1)
    .split(/[&;]/)
    .map((pair) => {
      const name = pair.split('=', 1)[0] ?? '';
      try {
        return decodeComponent(Buffer.from(name));
      } catch {
        return name;
      }
    });
}
