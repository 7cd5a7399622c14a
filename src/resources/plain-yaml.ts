import type { JsonObject, JsonValue } from '../core/json.ts';
import { FlowReader } from './plain-yaml-values.ts';

/** Far below what the whole reader takes, so that no bound of it is reached here. */
const MAX_DEPTH = 12;
const NOT_PLAIN_ANYWHERE = /[\t\r]/;
const KEY_LINE =
  /^(?:([A-Za-z_][A-Za-z0-9_./-]{0,127})|"([^"\\]{0,128})"|'([^']{0,128})'):(?: +(?!#)(.+)|(?: +#.*| *))$/;

export interface PlainDocument {
  /** Objects have no prototype. */
  readonly value: JsonObject;
  /** Its lines, with nothing of another document. */
  readonly text: string;
  /** 1-based line of the text at which they begin. */
  readonly firstLine: number;
}

interface Line {
  readonly indent: number;
  /** Without the indentation. */
  readonly text: string;
}
interface Part {
  readonly lines: readonly Line[];
  readonly text: string;
  readonly firstLine: number;
}

/**
 * The documents of a text in which everything is written the plain way: block maps and lists, flow collections on one
 * line, texts without escapes, whole numbers, true and false. Undefined for any other text, faulty or not: the reader of
 * all YAML has to say what that means, and for what is read here it says the same. Plain documents are nearly all that
 * people write, and they are read in a twentieth of its time. Empty documents are left out.
 */
export function plainDocuments(text: string): readonly PlainDocument[] | undefined {
  if (NOT_PLAIN_ANYWHERE.test(text)) return undefined;
  const documents: PlainDocument[] = [];
  for (const { lines, ...place } of partsOf(text)) {
    if (lines.length === 0) continue;
    const value = new BlockReader(lines).document();
    if (value === undefined) return undefined;
    documents.push({ value, ...place });
  }
  return documents;
}

/** The text cut at lines of three dashes; lines that are blank or a comment are left out. */
function* partsOf(text: string): Generator<Part> {
  let lines: Line[] = [];
  let firstLine = 1;
  let partStart = 0;
  let number = 0;
  for (let start = 0, end = 0; start < text.length; start = end + 1) {
    number += 1;
    end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    if (end - start === 3 && text.startsWith('---', start)) {
      yield { lines, text: text.slice(partStart, start), firstLine };
      lines = [];
      firstLine = number + 1;
      partStart = end + 1;
      continue;
    }
    let content = start;
    while (content < end && text[content] === ' ') content += 1;
    if (content < end && text[content] !== '#') lines.push({ indent: content - start, text: text.slice(content, end) });
  }
  yield { lines, text: text.slice(partStart), firstLine };
}

/** Each method reads what begins at the current line and is undefined when that is not plain. */
class BlockReader {
  readonly #lines: Line[];
  #next = 0;

  constructor(lines: readonly Line[]) {
    this.#lines = [...lines];
  }

  document(): JsonObject | undefined {
    const value = this.#map(0, 1);
    return this.#next === this.#lines.length ? value : undefined;
  }

  #map(indent: number, depth: number): JsonObject | undefined {
    const object: Record<string, JsonValue> = Object.create(null);
    while (this.#line()?.indent === indent) {
      const [, plain, double, single, rest] = KEY_LINE.exec(this.#line()?.text ?? '') ?? [];
      const key = plain ?? double ?? single;
      if (key === undefined || !FlowReader.isKey(key, plain !== undefined) || key in object) return undefined;
      this.#next += 1;
      const value = rest === undefined ? this.#block(indent, depth) : new FlowReader(rest).whole(MAX_DEPTH - depth);
      if (value === undefined) return undefined;
      object[key] = value;
    }
    return this.#endsAbove(indent) ? object : undefined;
  }

  /** What stands in the lines below a key; a list may be as little indented as the key itself. */
  #block(keyIndent: number, depth: number): JsonValue | undefined {
    const line = this.#line();
    if (line === undefined || depth >= MAX_DEPTH) return undefined;
    if (line.text.startsWith('- ')) {
      return line.indent >= keyIndent ? this.#list(line.indent, { depth: depth + 1, keyIndent }) : undefined;
    }
    return line.indent > keyIndent ? this.#map(line.indent, depth + 1) : undefined;
  }

  #list(indent: number, { depth, keyIndent }: { depth: number; keyIndent: number }): JsonValue | undefined {
    const items: JsonValue[] = [];
    for (let line = this.#line(); line?.indent === indent && line.text.startsWith('- '); line = this.#line()) {
      const item = this.#item(line, depth);
      if (item === undefined) return undefined;
      items.push(item);
    }
    return this.#endsAbove(indent) || (indent === keyIndent && this.#line()?.indent === indent) ? items : undefined;
  }

  #item({ indent, text }: Line, depth: number): JsonValue | undefined {
    const rest = text.slice(2);
    if (!KEY_LINE.test(rest)) {
      this.#next += 1;
      return new FlowReader(rest).whole(MAX_DEPTH - depth);
    }
    if (depth >= MAX_DEPTH) return undefined;
    // Behind its dash the first key of a map stands as if in a line of its own.
    this.#lines[this.#next] = { indent: indent + 2, text: rest };
    return this.#map(indent + 2, depth + 1);
  }

  #line(): Line | undefined {
    return this.#lines[this.#next];
  }

  #endsAbove(indent: number): boolean {
    const line = this.#line();
    return line === undefined || line.indent < indent;
  }
}
