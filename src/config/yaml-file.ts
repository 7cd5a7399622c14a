import { isDeepStrictEqual } from 'node:util';
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parseAllDocuments,
  visit,
} from 'yaml';
import type { ConfigFault } from './config-faults.ts';

const MAX_BYTES = 1024 * 1024;
const MAX_DEPTH = 32;

export interface YamlFile {
  /** The document's value; undefined when it is empty or does not parse. */
  readonly data: unknown;
  readonly faults: readonly ConfigFault[];
  /** Line of a field, 1-based: the nearest one that stands in the file. */
  line(path: readonly string[]): number | undefined;
}

function parseAs(text: string, version: '1.1' | '1.2', lines?: LineCounter): Document[] {
  const schema = version === '1.2' ? 'core' : 'yaml-1.1';
  const options = { version, schema, merge: false, uniqueKeys: true, prettyErrors: false, logLevel: 'error' } as const;
  const parsed = parseAllDocuments(text, lines === undefined ? options : { ...options, lineCounter: lines });
  return [...parsed];
}

/** Values of all scalars in document order. */
function scalars(document: Document): { value: unknown; offset: number }[] {
  const found: { value: unknown; offset: number }[] = [];
  visit(document, {
    Scalar: (_key, node) => {
      found.push({ value: node.value, offset: node.range?.[0] ?? 0 });
    },
  });
  return found;
}

/** What YAML 1.2 has and Carnet refuses: anchors, aliases, tags, merge keys, depth. */
function forbidden(document: Document): { offset: number; message: string }[] {
  const found: { offset: number; message: string }[] = [];
  visit(document, (key, node, ancestors) => {
    if (!isNode(node)) return;
    const offset = node.range?.[0] ?? 0;
    if (isAlias(node) || node.anchor !== undefined)
      found.push({ offset, message: 'anchors and aliases are not allowed' });
    if (node.tag !== undefined) found.push({ offset, message: 'tags are not allowed' });
    if (key === 'key' && isScalar(node) && node.value === '<<')
      found.push({ offset, message: 'merge keys are not allowed' });
    if (isCollection(node) && ancestors.filter(isCollection).length >= MAX_DEPTH) {
      found.push({ offset, message: `nesting is deeper than ${MAX_DEPTH}` });
      return visit.BREAK;
    }
    return;
  });
  return found;
}

function differing(document: Document, older: Document | undefined): { offset: number; message: string }[] {
  if (older === undefined || isDeepStrictEqual(document.toJS(), older.toJS())) return [];
  const others = scalars(older);
  const first = scalars(document).find((scalar, index) => !isDeepStrictEqual(scalar.value, others[index]?.value));
  return [{ offset: first?.offset ?? 0, message: 'means something else in YAML 1.1; put it in quotes' }];
}

function check(text: string, documents: readonly Document[]): { offset: number; message: string }[] {
  const [document, second] = documents;
  if (document === undefined) return [];
  if (second !== undefined) return [{ offset: second.range?.[0] ?? 0, message: 'only one YAML document is allowed' }];
  const broken = [...document.errors, ...document.warnings].map((error) => ({
    offset: error.pos[0],
    message: error.code === 'DUPLICATE_KEY' ? 'this key stands here twice' : `not valid YAML (${error.code})`,
  }));
  const refused = [...forbidden(document), ...broken];
  return refused.length > 0 ? refused : differing(document, parseAs(text, '1.1')[0]);
}

function lineOf(document: Document | undefined, lines: LineCounter, path: readonly string[]): number | undefined {
  let node: unknown = document?.contents;
  let offset: number | undefined;
  for (const segment of path) {
    if (!isMap(node)) break;
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === segment);
    if (pair === undefined) break;
    if (isScalar(pair.key) && pair.key.range) offset = pair.key.range[0];
    node = pair.value;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}

/** Reads one YAML 1.2 core document strictly (DESIGN section 5: no anchors, aliases, tags, merge keys, duplicate keys). */
export function readYaml(text: string): YamlFile {
  const failed = (message: string) => ({ data: undefined, faults: [{ path: '', message }], line: () => undefined });
  if (Buffer.byteLength(text) > MAX_BYTES) return failed('the file is larger than 1 MiB');
  const lines = new LineCounter();
  try {
    const documents = parseAs(text, '1.2', lines);
    const faults = check(text, documents).map(({ offset, message }) => ({
      path: '',
      line: lines.linePos(offset).line,
      message,
    }));
    const document = documents[0];
    const data: unknown = faults.length > 0 ? undefined : document?.toJS();
    return { data, faults, line: (path) => lineOf(document, lines, path) };
  } catch (error) {
    // Nesting that exhausts the parser's stack ends here.
    return failed(error instanceof RangeError ? `nesting is deeper than ${MAX_DEPTH}` : 'not valid YAML');
  }
}
