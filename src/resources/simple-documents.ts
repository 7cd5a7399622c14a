import type { JsonObject, JsonValue } from '../core/json.ts';
import { MAX_NESTING } from './yaml-nodes.ts';
import { plainValue } from './yaml-scalars.ts';

/** Where the text of a document is: offsets of a line's beginning and of its end, and the number of that line, from 1. */
export interface Place {
  readonly start: number;
  readonly end: number;
  readonly line: number;
}

export interface SimpleDocument {
  /** Objects have no prototype. */
  readonly value: JsonObject;
  readonly place: Place;
}

interface Most {
  readonly documents: number;
  /** Of one document, with what stands around it. */
  readonly characters: number;
}

interface Line {
  /** Columns before the text. */
  readonly indent: number;
  readonly text: string;
}

/** Tabs, other ends of lines, and blanks at the end of a line, which some scalars keep. */
const NOT_SIMPLE = /[\t\r]| $/m;
/** Where another document begins. */
const MARKER = /^---$\n?/m;
const KEY = /[A-Za-z_][\w./-]{0,199}:(?: +|$)/y;
/** Printable ASCII to the end of the line, in which no `:` stands before a blank and no `#` behind one. */
const PLAIN = /[A-Za-z0-9_/~](?:[!-9;-~]|:(?=[!-~])| (?!#))*$/y;
const PLAIN_IN_FLOW = /[A-Za-z0-9_/~](?:[\w./~@+=*$-]|:(?=[\w/]))*/y;
/** Without escapes. */
const QUOTED = /"[^"\\]*"|'[^']*'/y;
const DASH = /- +/y;
const MAP_BEGIN = /\{ */y;
const MAP_END = / *\}/y;
const LIST_BEGIN = /\[ */y;
const LIST_END = / *\]/y;
const COMMA = / *, */y;

/**
 * The documents of a text as the YAML reader gives them, when all of it has the form in which most are written: block maps
 * and lists whose values are plain texts, quoted texts or flow collections that end with their line, and comments on lines
 * of their own. Undefined for every other text, and where that reader might find a fault: then it has to be asked. An
 * order of magnitude quicker; work grows with the size of the text.
 */
export function simpleDocuments(text: string, most: Most): readonly SimpleDocument[] | undefined {
  if (NOT_SIMPLE.test(text)) return undefined;
  const parts = text.split(MARKER, most.documents + 1);
  if (parts.length > most.documents) return undefined;
  const documents: SimpleDocument[] = [];
  let [start, line, above] = [0, 1, 0];
  for (const part of parts) {
    if (above + part.length > most.characters) return undefined;
    const written = part.split('\n');
    const lines = written.map(toLine).filter(({ text: said }) => said !== '' && !said.startsWith('#'));
    const value = lines.length > 0 ? new Reader(lines).document() : null;
    if (value === undefined) return undefined;
    if (value !== null) documents.push({ value, place: { start, end: start + part.length, line } });
    // Where no document stands before the first marker, the one behind it begins there.
    above = start === 0 && value === null ? part.length : 0;
    start += part.length + '---\n'.length;
    line += written.length;
  }
  return documents;
}

function toLine(written: string): Line {
  const indent = Math.max(written.search(/[^ ]/), 0);
  return { indent, text: written.slice(indent) };
}

/** Reads what it knows; whatever else it meets, it gives undefined. */
class Reader {
  readonly #lines: Line[];
  /** The line that is read, and where in it. */
  #line = 0;
  #at = 0;

  constructor(lines: Line[]) {
    this.#lines = lines;
  }

  /** A map in the first column, to the last line. */
  document(): JsonObject | undefined {
    const value = this.#map(0, 0);
    return this.#line === this.#lines.length ? value : undefined;
  }

  /** All lines that are indented so; whoever called judges the next. */
  #map(indent: number, depth: number): JsonObject | undefined {
    if (depth >= MAX_NESTING) return undefined;
    const object: Record<string, JsonValue> = Object.create(null);
    while (this.#lines[this.#line]?.indent === indent) {
      const name = this.#name(object);
      if (name === undefined) return undefined;
      const value = this.#atEnd() ? this.#below(indent, depth + 1) : this.#lastOfLine(depth + 1);
      if (value === undefined) return undefined;
      object[name] = value;
    }
    return object;
  }

  #list(indent: number, depth: number): readonly JsonValue[] | undefined {
    if (depth >= MAX_NESTING) return undefined;
    const list: JsonValue[] = [];
    while (this.#lines[this.#line]?.indent === indent && this.#take(DASH) !== undefined) {
      const value = this.#has(KEY) ? this.#map(this.#asLine(indent), depth + 1) : this.#lastOfLine(depth + 1);
      if (value === undefined) return undefined;
      list.push(value);
    }
    return list;
  }

  /** What follows on a line, as a line of its own; gives its indent. */
  #asLine(indent: number): number {
    const inner = indent + this.#at;
    this.#lines[this.#line] = { indent: inner, text: this.#text().slice(this.#at) };
    this.#at = 0;
    return inner;
  }

  /** The value of a key that ends its line: indented further, or a list, which may stand right below it. */
  #below(indent: number, depth: number): JsonValue | undefined {
    this.#nextLine();
    const below = this.#lines[this.#line]?.indent ?? -1;
    const isList = this.#has(DASH);
    if (below < indent || (below === indent && !isList)) return undefined;
    return isList ? this.#list(below, depth) : this.#map(below, depth);
  }

  #lastOfLine(depth: number): JsonValue | undefined {
    const plain = this.#take(PLAIN);
    const value = plain === undefined ? this.#quotedOrFlow(depth) : plainValue(plain);
    if (!this.#atEnd()) return undefined;
    this.#nextLine();
    return value;
  }

  #quotedOrFlow(depth: number): JsonValue | undefined {
    const quoted = this.#take(QUOTED);
    if (quoted !== undefined) return quoted.slice(1, -1);
    if (depth >= MAX_NESTING) return undefined;
    if (this.#take(MAP_BEGIN) !== undefined) return this.#flowMap(depth);
    return this.#take(LIST_BEGIN) === undefined ? undefined : this.#flowList(depth);
  }

  #flowMap(depth: number): JsonObject | undefined {
    const object: Record<string, JsonValue> = Object.create(null);
    if (this.#take(MAP_END) !== undefined) return object;
    do {
      const name = this.#name(object);
      const value = name === undefined ? undefined : this.#flowValue(depth + 1);
      if (name === undefined || value === undefined) return undefined;
      object[name] = value;
    } while (this.#take(COMMA) !== undefined);
    return this.#take(MAP_END) === undefined ? undefined : object;
  }

  #flowList(depth: number): readonly JsonValue[] | undefined {
    const list: JsonValue[] = [];
    if (this.#take(LIST_END) !== undefined) return list;
    do {
      const value = this.#flowValue(depth + 1);
      if (value === undefined) return undefined;
      list.push(value);
    } while (this.#take(COMMA) !== undefined);
    return this.#take(LIST_END) === undefined ? undefined : list;
  }

  #flowValue(depth: number): JsonValue | undefined {
    const plain = this.#take(PLAIN_IN_FLOW);
    return plain === undefined ? this.#quotedOrFlow(depth) : plainValue(plain);
  }

  /** A key with its colon, of a map that does not have it yet. */
  #name(object: JsonObject): string | undefined {
    const name = this.#take(KEY)?.trimEnd().slice(0, -1);
    if (name === undefined || name === '__proto__' || name in object) return undefined;
    return typeof plainValue(name) === 'string' ? name : undefined;
  }

  #text(): string {
    return this.#lines[this.#line]?.text ?? '';
  }

  #atEnd(): boolean {
    return this.#at === this.#text().length;
  }

  #nextLine(): void {
    this.#line += 1;
    this.#at = 0;
  }

  #has(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return pattern.test(this.#text());
  }

  /** Goes past what is here, if it is of that form. */
  #take(pattern: RegExp): string | undefined {
    const text = this.#text();
    pattern.lastIndex = this.#at;
    if (!pattern.test(text)) return undefined;
    const taken = text.slice(this.#at, pattern.lastIndex);
    this.#at = pattern.lastIndex;
    return taken;
  }
}
