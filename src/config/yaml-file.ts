import { type YamlDocument, yamlDocuments } from '../resources/yaml-documents.ts';
import type { ConfigFault } from './config-faults.ts';

export interface YamlFile {
  /** The document's value; undefined when it is empty or has faults. */
  readonly data: unknown;
  readonly faults: readonly ConfigFault[];
  /** Line of a field, 1-based: the nearest one that stands in the file. */
  line(path: readonly string[]): number | undefined;
}

/** A path as the reader of YAML wants it: members of lists by number. */
function withIndices(path: readonly string[]): (string | number)[] {
  return path.map((part) => (/^[0-9]+$/.test(part) ? Number(part) : part));
}

/** Line of a field whose outermost member stands in the file. */
function lineIn(document: YamlDocument | undefined, path: readonly string[]): number | undefined {
  const [first] = path;
  const value = document?.value;
  const stands = typeof value === 'object' && value !== null && first !== undefined && Object.hasOwn(value, first);
  return stands ? document?.line(withIndices(path)) : undefined;
}

/** Reads the one document of a configuration file, as strictly as resources are read (DESIGN section 5). */
export function readYaml(text: string): YamlFile {
  const { documents, faults } = yamlDocuments(text);
  const [document, second] = documents;
  const found = [...faults, ...(document?.faults ?? [])].map(({ line, path, message, hint }) => ({
    path: path.join('.'),
    message,
    line,
    ...(hint === undefined ? {} : { hint }),
  }));
  if (second !== undefined)
    found.push({ path: '', message: 'holds more than one YAML document', line: second.line([]) });
  const data = found.length > 0 ? undefined : document?.value;
  return { data, faults: found, line: (path) => lineIn(document, path) };
}
