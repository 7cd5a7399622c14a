import type { JsonValue } from '../core/json.ts';

/** Begins with a letter, a digit, `_` or `/`, and holds nothing that is an indicator anywhere in YAML. */
const PLAIN = /[A-Za-z0-9_/](?:[A-Za-z0-9_./@+=*-]|:(?=[A-Za-z0-9_./@+=*:-])| (?=[A-Za-z0-9_/]))*/y;
const DOUBLE = /"([^"\\]*)"/y;
const SINGLE = /'([^']*)'/y;
const END = /(?: +#.*| *)$/y;
const BLANKS = / */y;
/** Null, booleans, and what YAML 1.1 takes for them. */
const WORD_OF_A_TYPE = /^(?:y|n|yes|no|on|off|true|false|null)$/i;
const LONGEST_WORD = 5;
const WHOLE_NUMBER = /^(?:0|[1-9][0-9]{0,14})$/;
/** As `5m`: the one kind of text that may begin with a digit. */
const DURATION = /^[1-9][0-9]{0,7}[smhd]$/;

/** Reads the value at the end of a line. Each method is undefined when what it finds is not plain. */
export class FlowReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** A key as its map has it, when it is a text in every version of YAML. */
  static isKey(text: string, isPlain: boolean): boolean {
    return text !== '__proto__' && !(isPlain && WORD_OF_A_TYPE.test(text));
  }

  /** The value, with nothing behind it but a comment. */
  whole(depth: number): JsonValue | undefined {
    const value = this.#value(depth);
    return value !== undefined && this.#match(END) !== undefined ? value : undefined;
  }

  #value(depth: number): JsonValue | undefined {
    switch (this.#text[this.#at]) {
      case '{':
        return depth > 0 ? this.#map(depth) : undefined;
      case '[':
        return depth > 0 ? this.#list(depth) : undefined;
      case '"':
      case "'":
        return this.#quoted();
      default:
        return scalar(this.#match(PLAIN)?.[0]);
    }
  }

  #map(depth: number): JsonValue | undefined {
    const object: Record<string, JsonValue> = Object.create(null);
    if (this.#opens('}')) return object;
    do {
      const key = this.#key();
      if (key === undefined || key in object) return undefined;
      const value = this.#value(depth - 1);
      if (value === undefined) return undefined;
      object[key] = value;
    } while (this.#continues());
    return this.#takes('}') ? object : undefined;
  }

  #list(depth: number): JsonValue | undefined {
    const items: JsonValue[] = [];
    if (this.#opens(']')) return items;
    do {
      const item = this.#value(depth - 1);
      if (item === undefined) return undefined;
      items.push(item);
    } while (this.#continues());
    return this.#takes(']') ? items : undefined;
  }

  /** A key, its colon and the blanks behind it: without one only behind quotes. */
  #key(): string | undefined {
    const quoted = this.#quoted();
    const key = quoted ?? this.#match(PLAIN)?.[0];
    if (key === undefined || !FlowReader.isKey(key, quoted === undefined) || !this.#takes(':')) return undefined;
    if (quoted === undefined && (typeof scalar(key) !== 'string' || this.#text[this.#at] !== ' ')) return undefined;
    this.#match(BLANKS);
    return key;
  }

  #quoted(): string | undefined {
    return (this.#match(DOUBLE) ?? this.#match(SINGLE))?.[1];
  }

  /** Passes the bracket at hand, and true when the other one follows. */
  #opens(close: string): boolean {
    this.#at += 1;
    this.#match(BLANKS);
    return this.#takes(close);
  }

  #continues(): boolean {
    this.#match(BLANKS);
    if (!this.#takes(',')) return false;
    this.#match(BLANKS);
    return true;
  }

  #takes(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found;
  }
}

function scalar(text: string | undefined): JsonValue | undefined {
  if (text === undefined) return undefined;
  const first = text.charCodeAt(0);
  const isDigit = first >= 0x30 && first <= 0x39;
  if (isDigit) return WHOLE_NUMBER.test(text) ? Number(text) : durationOf(text);
  if (text === 'true' || text === 'false') return text === 'true';
  return text.length <= LONGEST_WORD && WORD_OF_A_TYPE.test(text) ? undefined : text;
}

function durationOf(text: string): string | undefined {
  return DURATION.test(text) ? text : undefined;
}
