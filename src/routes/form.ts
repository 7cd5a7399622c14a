import { OAuthError } from '../core/oauth-error.ts';

const MEDIA_TYPE = /^application\/x-www-form-urlencoded[ \t]*(;.*)?$/i;
const MAX_PAIRS = 64;
const PLUS = 0x2b;
const PERCENT = 0x25;
const AMPERSAND = 0x26;
const EQUALS = 0x3d;

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

/** Value of a hexadecimal digit by its byte; -1 for every other. */
const HEX_VALUES = Int8Array.from({ length: 256 }, (_, byte) => '0123456789abcdef'.indexOf(lowerCase(byte)));

function lowerCase(byte: number): string {
  return String.fromCharCode(byte).toLowerCase();
}

function hexValue(byte = 0): number {
  const value = HEX_VALUES[byte] ?? -1;
  if (value < 0) throw new OAuthError('malformed_form', { detail: 'malformed percent-encoding' });
  return value;
}

function unescaped(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(PERCENT) && !bytes.includes(PLUS)) return bytes;
  const decoded = new Uint8Array(bytes.length);
  let length = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0;
    if (byte === PERCENT) {
      decoded[length] = hexValue(bytes[index + 1]) * 16 + hexValue(bytes[index + 2]);
      index += 2;
    } else {
      decoded[length] = byte === PLUS ? 0x20 : byte;
    }
    length += 1;
  }
  return decoded.subarray(0, length);
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text of one name or value: strict percent-decoding, `+` is space, fatal UTF-8, no NUL (T9). Throws `malformed_form`. */
export function decodeComponent(bytes: Uint8Array): string {
  const decoded = unescaped(bytes);
  if (decoded.includes(0)) throw new OAuthError('malformed_form', { detail: 'a NUL character' });
  try {
    return UTF8.decode(decoded);
  } catch {
    throw new OAuthError('malformed_form', { detail: 'invalid UTF-8' });
  }
}

function pairsOf(body: Uint8Array): Uint8Array[] {
  const pairs: Uint8Array[] = [];
  for (let start = 0; start <= body.length; ) {
    const at = body.indexOf(AMPERSAND, start);
    const end = at === -1 ? body.length : at;
    if (end > start) pairs.push(body.subarray(start, end));
    if (pairs.length > MAX_PAIRS) throw new OAuthError('too_many_parameters');
    start = end + 1;
  }
  return pairs;
}

/**
 * The one parser of form bodies (T5 to T9): works on the bytes as they came, so that there is no second opinion about
 * them. Names repeat by their decoded text, and only those in `repeatable` may. Names are never arrays or paths.
 */
export function parseForm(body: Uint8Array, repeatable: ReadonlySet<string>): Form {
  const seen = new Set<string>();
  const form = new Map<string, string[]>();
  for (const pair of pairsOf(body)) {
    const equals = pair.indexOf(EQUALS);
    const name = decodeComponent(equals === -1 ? pair : pair.subarray(0, equals));
    const value = equals === -1 ? '' : decodeComponent(pair.subarray(equals + 1));
    if (seen.has(name) && !repeatable.has(name)) throw new OAuthError('repeated_parameter');
    seen.add(name);
    if (value !== '') form.set(name, [...(form.get(name) ?? []), value]);
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
