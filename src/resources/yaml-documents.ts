import { Composer, type Document, Lexer, LineCounter, type ParsedNode, Parser, parseDocument } from 'yaml';
import type { JsonValue } from '../core/json.ts';
import { jsonDocument } from './json-document.ts';
import { type Place, simpleDocuments } from './simple-documents.ts';
import { type FieldPath, MAX_NESTING, offsetOf, readNode } from './yaml-nodes.ts';

/** 1 MiB: an order of magnitude above the largest file that people edit. */
export const MAX_FILE_BYTES = 1024 * 1024;
/** Each level of nesting takes at most three entries of the parser's stack (collection, item, document). */
const MAX_PARSER_STACK = 4 * MAX_NESTING;
const MAX_FAULTS = 100;
/** Of one document: names, values, punctuation, ends of lines, indents. Ten times what the largest that people write has. */
const MAX_PARTS = 30_000;
/** Of one text: a document that says anything takes a hundred characters. */
const MAX_DOCUMENTS = 10_000;

/** YAML 1.1 ends a line at these, YAML 1.2 does not: a comment in one would be content in the other. */
const OTHER_LINE_ENDS = /[\u0085\u2028\u2029]/;
/** What YAML does not allow unescaped (YAML 1.2 section 5.1); a carriage return alone ends a line for few readers only. */
const UNPRINTABLE = /[\p{Cc}--[\t\n\r\u0085]]|\p{Cs}|[\uFEFF\uFFFE\uFFFF]|\r(?!\n)/v;
const OPTIONS = {
  schema: 'core',
  version: '1.2',
  merge: false,
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const;
type Parsed = Document.Parsed<ParsedNode>;

export interface YamlFault {
  /** 1-based. */
  readonly line: number;
  /** Field of the document, empty where the text itself is meant. */
  readonly path: FieldPath;
  readonly message: string;
  readonly hint?: string;
}

/** One document of a text, empty ones left out. */
export interface YamlDocument {
  /** As far as it could be read; objects have no prototype. */
  readonly value: JsonValue | undefined;
  readonly faults: readonly YamlFault[];
  /** The text cannot be trusted to end where this document seems to: what follows may be missing. */
  readonly torn: boolean;
  readonly place: Place;
  /** 1-based line of a field, or of the nearest ancestor that exists. */
  readonly line: (path: FieldPath) => number;
}

export interface YamlText {
  readonly documents: readonly YamlDocument[];
  /** Faults of the whole text; when there is one, there are no documents. */
  readonly faults: readonly YamlFault[];
}

/**
 * Reads YAML 1.2 (core schema) without anchors, aliases, tags, merge keys, directives and duplicate keys, and without
 * anything that YAML 1.1 would read differently. Never throws. Work is bounded by the size of the text, at most 1 MiB, and
 * before that by the parts of each document: a text that is all punctuation takes seconds otherwise.
 */
export function yamlDocuments(input: string, mostParts: number = MAX_PARTS): YamlText {
  const text = withoutMark(input);
  const refused = textFault(text);
  if (refused !== undefined) return { documents: [], faults: [refused] };
  // No text has more than three parts for two characters: `1,`. What may have too many is left to the one who counts.
  const most = { characters: mostParts / 2, documents: MAX_DOCUMENTS };
  const json = text.length > most.characters ? undefined : jsonDocument(text);
  const known =
    json === undefined
      ? simpleDocuments(text, most)
      : [{ value: json, place: { start: 0, end: text.length, line: 1 } }];
  if (known !== undefined) {
    const documents = known.map((one) => ({ ...one, faults: [], torn: false, line: lineFinder(text, one.place) }));
    return { documents, faults: [] };
  }
  const lines = lineCounter(text);
  const documents: YamlDocument[] = [];
  const tooMuch = parse(text, mostParts, (document) => {
    const read = readDocument(document, text, lines);
    if (read.value !== null || read.faults.length > 0) documents.push(read);
  });
  return tooMuch === undefined ? { documents, faults: [] } : { documents: [], faults: [tooMuch] };
}

function withoutMark(input: string): string {
  return input.startsWith('\uFEFF') ? input.slice(1) : input;
}

function readDocument(document: Parsed, text: string, lines: LineCounter): YamlDocument {
  const faults: YamlFault[] = [];
  const report = (offset: number, path: FieldPath, message: string, hint?: string) => {
    if (faults.length >= MAX_FAULTS) return;
    faults.push({ line: lines.linePos(offset).line, path, message, ...(hint !== undefined && { hint }) });
  };
  for (const { pos, message } of document.errors) report(pos[0], [], message);
  if (document.directives?.yaml.explicit || hasTagDirective(document)) {
    report(document.range[0], [], 'directives are not allowed', 'leave the lines that begin with % out');
  }
  const value = readNode(document.contents, [], report);
  const place = placeOf(document, text, lines);
  return { value, faults, torn: document.errors.length > 0, place, line: lineFinder(text, place) };
}

function hasTagDirective({ directives }: Parsed): boolean {
  return Object.keys(directives?.tags ?? {}).some((handle) => handle !== '!!');
}

function placeOf({ contents }: Parsed, text: string, lines: LineCounter): Place {
  const [contentStart, , end] = contents?.range ?? [0, 0, 0];
  const start = text.lastIndexOf('\n', contentStart - 1) + 1;
  return { start, end, line: lines.linePos(start).line };
}

/**
 * The lines of a document at a place of its text. They are asked for when something is wrong: until then only the text is
 * kept, an order of magnitude smaller than its nodes, and it is parsed again, once for all that is asked in a row.
 */
export function lineFinder(text: string, { start, end, line }: Place): YamlDocument['line'] {
  let parsed: WeakRef<{ readonly document: Document; readonly lines: LineCounter }> | undefined;
  return (path) => {
    const part = withoutMark(text).slice(start, end);
    // What was written by a machine: thousands of them may be wrong at once.
    if (!part.includes('\n')) return line;
    const again = parsed?.deref() ?? { document: parseDocument(part, OPTIONS), lines: lineCounter(part) };
    if (parsed?.deref() !== again) parsed = new WeakRef(again);
    return line + again.lines.linePos(offsetOf(again.document.contents as ParsedNode | null, path)).line - 1;
  };
}

function textFault(text: string): YamlFault | undefined {
  if (text.length > MAX_FILE_BYTES) return { line: 1, path: [], message: 'must not be larger than 1 MiB' };
  const unprintable = UNPRINTABLE.exec(text);
  if (unprintable !== null) {
    return { line: lineAt(text, unprintable.index), path: [], message: 'holds a character that YAML does not allow' };
  }
  const lineEnd = OTHER_LINE_ENDS.exec(text);
  if (lineEnd === null) return undefined;
  return {
    line: lineAt(text, lineEnd.index),
    path: [],
    message: 'holds a line separator that YAML 1.1 and 1.2 read differently',
    hint: 'write it as an escape in double quotes: "\\u2028"',
  };
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/**
 * Gives each document as soon as it is whole: collected, the tokens of a text are copied by the garbage collector as they
 * age, a quarter of all work. Stops as soon as the nesting is too deep, where the parser's time grows with the square of it,
 * or the parts too many: then what was given does not count.
 */
function parse(text: string, mostParts: number, take: (document: Parsed) => void): YamlFault | undefined {
  const parser = new Parser();
  const composer = new Composer<ParsedNode>(OPTIONS);
  let [parts, documents] = [0, 0];
  for (const lexeme of new Lexer().lex(text)) {
    parts += 1;
    for (const token of parser.next(lexeme)) {
      if (token.type === 'document') [parts, documents] = [0, documents + 1];
      for (const document of composer.next(token)) take(document as Parsed);
    }
    const message =
      (parser.stack.length > MAX_PARSER_STACK && `must not nest deeper than ${MAX_NESTING}`) ||
      (parts > mostParts && `must not hold more than ${mostParts} names, values and signs`) ||
      (documents > MAX_DOCUMENTS && `must not hold more than ${MAX_DOCUMENTS} documents`);
    if (message) return { line: lineAt(text, parser.offset), path: [], message };
  }
  for (const document of composer.compose(parser.end())) take(document as Parsed);
  return undefined;
}

function lineCounter(text: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1);
  return lines;
}
