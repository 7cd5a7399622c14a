import type { JsonObject, JsonValue } from '../core/json.ts';
import type { LikelyNames } from './likely-names.ts';

/** Input that is not the strict JSON asked for. `message` names the rule that was broken, never the input. */
export class StrictJsonError extends Error {
  override readonly name = 'StrictJsonError';
}

export interface StrictJsonLimits {
  /** Nested containers; the outermost counts as 1. Default 16. */
  readonly maxDepth?: number;
  /** Object members in the whole text. Default 256. */
  readonly maxMembers?: number;
  /** Of the writer of the text. Without them no object has a prototype; with them some have one that is empty and frozen. */
  readonly likely?: LikelyNames | undefined;
}

/** Array elements in the whole text: a token has no room for more, and a key set no use. */
const MAX_ELEMENTS = 4096;

const LITERALS: ReadonlyMap<string, JsonValue> = new Map<string, JsonValue>([
  ['t', true],
  ['f', false],
  ['n', null],
]);
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const HEX = /^[0-9a-fA-F]{4}$/;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const ZERO = 0x30;
const NINE = 0x39;
/** Whole numbers of so many digits are exact. */
const MAX_DIGITS = 15;

/**
 * One JSON text (RFC 8259) read without the freedoms that let two readers of it disagree (V7): fatal UTF-8, no byte
 * order mark, no member twice at any depth (names compared after unescaping), nothing after the value, finite numbers
 * only, no `__proto__` member. Strings with a lone surrogate are refused: they have no UTF-8 form, so whoever hashes or
 * compares them downstream sees another text. Objects inherit nothing.
 *
 * At most 4,096 array elements. Throws StrictJsonError. Work is linear in the bytes; the caller bounds those.
 */
export function parseStrictJson(bytes: Uint8Array, limits: StrictJsonLimits = {}): JsonValue {
  return new Reader(decodeUtf8(bytes), limits).read();
}

/** As `parseStrictJson`, for texts that must be an object. */
export function parseStrictJsonObject(bytes: Uint8Array, limits?: StrictJsonLimits): JsonObject {
  const value = parseStrictJson(bytes, limits);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new StrictJsonError('not an object');
  return value as JsonObject;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new StrictJsonError('not UTF-8');
  }
}

type Members = Record<string, JsonValue>;

/** V8 gives these a shape, and none to objects without a prototype. They inherit nothing either. */
class Shaped {
  [member: string]: JsonValue;
}
Reflect.deleteProperty(Shaped.prototype, 'constructor');
Object.freeze(Object.setPrototypeOf(Shaped.prototype, null));

class Reader {
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #likely: LikelyNames | undefined;
  #membersLeft: number;
  #members = 0;
  #differs = false;
  #elementsLeft = MAX_ELEMENTS;
  #at = 0;

  constructor(text: string, { maxDepth = 16, maxMembers = 256, likely }: StrictJsonLimits) {
    this.#text = text;
    this.#maxDepth = maxDepth;
    this.#membersLeft = maxMembers;
    this.#likely = likely;
  }

  read(): JsonValue {
    const value = this.#value(1);
    this.#space();
    if (this.#at !== this.#text.length) throw new StrictJsonError('data after the value');
    if (this.#differs) this.#likely?.differ();
    return value;
  }

  #value(depth: number): JsonValue {
    this.#space();
    const code = this.#text.charCodeAt(this.#at);
    if (code === QUOTE) return this.#string();
    if (code === OPENING_BRACE || code === OPENING_BRACKET) {
      if (depth > this.#maxDepth) throw new StrictJsonError('nested too deeply');
      this.#at += 1;
      return code === OPENING_BRACE ? this.#object(depth) : this.#array(depth);
    }
    const first = this.#text[this.#at];
    if (first === 't' || first === 'f' || first === 'n') return this.#literal(first);
    return this.#wholeNumber() ?? this.#number();
  }

  #object(depth: number): JsonObject {
    if (this.#take(CLOSING_BRACE)) return Object.create(null);
    let object: Members | undefined;
    let isShaped = true;
    do {
      this.#space();
      const likely = this.#likelyName();
      const name = likely ?? this.#string();
      if (name === '__proto__') throw new StrictJsonError('a member named __proto__');
      if (likely === undefined && isShaped) {
        // Names that nobody knows make no shapes.
        object = Object.assign(Object.create(null), object);
        isShaped = false;
      }
      object ??= new Shaped();
      // No member is ever undefined, and the object inherits nothing.
      if (object[name] !== undefined) throw new StrictJsonError('a member twice');
      this.#membersLeft -= 1;
      if (this.#membersLeft < 0) throw new StrictJsonError('too many members');
      this.#expect(COLON);
      object[name] = this.#value(depth + 1);
    } while (this.#take(COMMA));
    this.#expect(CLOSING_BRACE);
    return object;
  }

  /** The name that is likely to come, if it does; undefined, with nothing taken, where it does not. */
  #likelyName(): string | undefined {
    const name = this.#likely?.at(this.#members);
    this.#members += 1;
    const from = this.#at + 1;
    const isThere =
      name !== undefined &&
      this.#text.charCodeAt(this.#at) === QUOTE &&
      this.#text.startsWith(name, from) &&
      this.#text.charCodeAt(from + name.length) === QUOTE;
    if (isThere) this.#at = from + name.length + 1;
    else this.#differs = true;
    return isThere ? name : undefined;
  }

  #array(depth: number): readonly JsonValue[] {
    const array: JsonValue[] = [];
    if (this.#take(CLOSING_BRACKET)) return array;
    do {
      this.#elementsLeft -= 1;
      if (this.#elementsLeft < 0) throw new StrictJsonError('too many elements');
      array.push(this.#value(depth + 1));
    } while (this.#take(COMMA));
    this.#expect(CLOSING_BRACKET);
    return array;
  }

  #string(): string {
    const text = this.#text;
    if (text.charCodeAt(this.#at) !== QUOTE) throw new StrictJsonError('a string is missing');
    const from = this.#at + 1;
    let at = from;
    let code = text.charCodeAt(at);
    // NaN, past the end of the text, ends the loop too.
    while (code >= 0x20 && code !== QUOTE && code !== BACKSLASH) code = text.charCodeAt(++at);
    if (code === BACKSLASH) return this.#escapedString(from, at);
    if (code !== QUOTE) throw notClosed();
    this.#at = at + 1;
    return text.slice(from, at);
  }

  /** A string from its first escape on. Only escapes can bring a lone surrogate: the bytes were UTF-8. */
  #escapedString(begin: number, firstEscape: number): string {
    let result = '';
    let from = begin;
    this.#at = firstEscape;
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === QUOTE) break;
      if (!(code >= 0x20)) throw notClosed();
      if (code !== BACKSLASH) {
        this.#at += 1;
        continue;
      }
      result += this.#text.slice(from, this.#at) + this.#escape();
      from = this.#at;
    }
    result += this.#text.slice(from, this.#at);
    this.#at += 1;
    if (!result.isWellFormed()) throw new StrictJsonError('a string with a lone surrogate');
    return result;
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? '';
    if (letter === 'u') {
      const digits = this.#text.slice(this.#at + 2, this.#at + 6);
      if (!HEX.test(digits)) throw new StrictJsonError('a malformed escape');
      this.#at += 6;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const plain = ESCAPES.get(letter);
    if (plain === undefined) throw new StrictJsonError('a malformed escape');
    this.#at += 2;
    return plain;
  }

  #literal(first: string): JsonValue {
    const word = first === 't' ? 'true' : first === 'f' ? 'false' : 'null';
    if (!this.#text.startsWith(word, this.#at)) throw new StrictJsonError('an unknown word');
    this.#at += word.length;
    return LITERALS.get(first) ?? null;
  }

  /** What times are, without a regular expression. Undefined, with nothing taken, where it is not digits alone. */
  #wholeNumber(): number | undefined {
    const text = this.#text;
    const from = this.#at;
    let code = text.charCodeAt(from);
    if (code === ZERO) return undefined;
    let at = from;
    let value = 0;
    while (code >= ZERO && code <= NINE) {
      value = value * 10 + code - ZERO;
      code = text.charCodeAt(++at);
    }
    const ends = code === COMMA || code === CLOSING_BRACE;
    if (!ends || at === from || at > from + MAX_DIGITS) return undefined;
    this.#at = at;
    return value;
  }

  #number(): number {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match === null) throw new StrictJsonError('not a value');
    this.#at = NUMBER.lastIndex;
    const value = Number(match[0]);
    if (!Number.isFinite(value)) throw new StrictJsonError('a number out of range');
    return value;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code > 0x20) return;
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  #take(mark: number): boolean {
    this.#space();
    if (this.#text.charCodeAt(this.#at) !== mark) return false;
    this.#at += 1;
    return true;
  }

  #expect(mark: number): void {
    if (!this.#take(mark)) throw new StrictJsonError('malformed');
  }
}

function notClosed(): StrictJsonError {
  return new StrictJsonError('a string is not closed or holds a control character');
}
