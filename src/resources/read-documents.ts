import { isJsonObject, type JsonObject } from '../core/json.ts';
import { checkAgainst, type ReadContext } from './context-checks.ts';
import {
  CEILING_KINDS,
  type Document,
  type Fault,
  KINDS,
  type Kind,
  type Source,
  type ValidDocument,
} from './document.ts';
import { fieldName } from './field-name.ts';
import { labels as labelsSchema, name as nameSchema } from './names.ts';
import { nearestName } from './nearest-name.ts';
import { RESOURCE_SCHEMAS } from './resource-schemas.ts';
import { type SchemaFault, schemaFaults } from './schema-faults.ts';
import { type YamlDocument, type YamlText, yamlDocuments } from './yaml-documents.ts';

export type Origin = Omit<Source, 'line'>;

export interface Reading {
  readonly documents: readonly Document[];
  readonly faults: readonly Fault[];
  /**
   * False when something in the text could not be told apart or named: a document that used to be here and is not in
   * `documents` may be hurt, not deleted.
   */
  readonly complete: boolean;
}

/**
 * Reads the documents of one text with all their faults together; `yaml` is what `yamlDocuments` makes of the text. Pure;
 * never throws.
 */
export function readDocuments(
  text: string,
  origin: Origin,
  context: ReadContext,
  yaml: YamlText = yamlDocuments(text),
): Reading {
  const read = yaml.documents.map((document, index) => readDocument(document, index, { origin, context }));
  const damaged = yaml.faults.length > 0 || yaml.documents.some(({ torn }) => torn);
  return {
    documents: read.flatMap(({ document }) => (document === undefined ? [] : [document])),
    faults: [
      ...yaml.faults.map((fault) => toFault(fault, { source: { ...origin, line: () => fault.line } })),
      ...read.flatMap(({ faults }) => faults),
      ...(damaged ? lostKinds(text, origin, read) : []),
    ],
    complete: !damaged && read.every(({ named }) => named),
  };
}

interface Surroundings {
  readonly origin: Origin;
  readonly context: ReadContext;
}
interface ReadDocument {
  readonly document?: Document;
  readonly kind?: Kind;
  readonly named: boolean;
  readonly faults: readonly Fault[];
}

function readDocument(yaml: YamlDocument, index: number, { origin, context }: Surroundings): ReadDocument {
  const source: Source = { ...origin, line: yaml.line };
  const identity = identityOf(yaml.value);
  const place = { source, ...(identity.kind !== undefined && { kind: identity.kind }), ...identity.naming };
  const yamlFaults = yaml.faults.map((fault) => ({ ...toFault(fault, place), line: fault.line }));
  if (identity.kind === undefined || identity.naming === undefined) {
    const faults = [...yamlFaults, ...unnamedFaults(yaml, place)];
    return { named: false, faults, ...(identity.kind !== undefined && { kind: identity.kind }) };
  }
  const { kind, naming } = identity;
  const base = { kind, name: naming.name, labels: readableLabels(yaml.value), source, index };
  const parsed = RESOURCE_SCHEMAS[kind].safeParse(yaml.value);
  const valid = parsed.success ? ({ ...base, valid: true, spec: parsed.data.spec } as ValidDocument) : undefined;
  const found =
    valid === undefined
      ? schemaFaults(RESOURCE_SCHEMAS[kind], yaml.value, parsed.error?.issues ?? [])
      : checkAgainst(valid, context);
  const faults = [...yamlFaults, ...found.map((fault) => toFault(fault, place))];
  const document =
    valid !== undefined && faults.length === 0 ? valid : { ...base, valid: false as const, raw: specOf(yaml.value) };
  return { document, kind, named: true, faults };
}

interface Identity {
  readonly kind?: Kind;
  readonly naming?: { readonly name: string };
}

function identityOf(value: unknown): Identity {
  if (!isJsonObject(value)) return {};
  const kind = KINDS.find((known) => known === value['kind']);
  const metadata = value['metadata'];
  const name = nameSchema.safeParse(isJsonObject(metadata) ? metadata['name'] : undefined);
  return { ...(kind !== undefined && { kind }), ...(name.success && { naming: { name: name.data } }) };
}

interface Place {
  readonly source: Source;
  readonly kind?: Kind;
  readonly name?: string;
}

/** Faults of a document that cannot be named. Its kind, as far as it shows, stays with them. */
function unnamedFaults({ value }: YamlDocument, place: Place): readonly Fault[] {
  if (!isJsonObject(value)) return [toFault({ path: [], message: 'must be a mapping of fields' }, place)];
  if (place.kind !== undefined) {
    const schema = RESOURCE_SCHEMAS[place.kind];
    const issues = schema.safeParse(value).error?.issues ?? [];
    return schemaFaults(schema, value, issues).map((fault) => toFault(fault, place));
  }
  const written = value['kind'];
  const nearest = typeof written === 'string' ? nearestName(written, KINDS) : undefined;
  const hint = nearest === undefined ? `known kinds: ${KINDS.join(', ')}` : `did you mean ${nearest}?`;
  const meant = KINDS.find((kind) => kind === nearest);
  const message = written === undefined ? 'is required' : 'is not a known kind';
  return [toFault({ path: ['kind'], message, hint }, { ...place, ...(meant !== undefined && { kind: meant }) })];
}

const COMMENT_LINE = /^[ \t]*#.*$/gm;
const KIND_FIELD = /(?:^|[\s{,"'])kind["']?[ \t]*:[ \t]*["']?([A-Za-z]+)/g;

/**
 * Ceilings and issuers that a damaged text still shows by their `kind` and that could not be read from it. Without them
 * a first start might allow what they deny, so each kind is a fault of its own.
 */
function lostKinds(text: string, origin: Origin, read: readonly ReadDocument[]): readonly Fault[] {
  const written = [...text.replaceAll(COMMENT_LINE, '').matchAll(KIND_FIELD)].map(([, kind = '']) => kind);
  const found = read.flatMap(({ kind }) => (kind === undefined ? [] : [kind]));
  return CEILING_KINDS.filter((kind) => count(written, kind) > count(found, kind)).map((kind) => ({
    source: origin.id,
    kind,
    field: '',
    message: `holds a ${kind} that cannot be read`,
    severity: 'error' as const,
  }));
}

function count(texts: readonly string[], text: string): number {
  return texts.filter((one) => one === text).length;
}

function toFault({ path, message, hint }: SchemaFault, { source, kind, name }: Place): Fault {
  return {
    source: source.id,
    line: source.line(path),
    ...(kind !== undefined && { kind }),
    ...(name !== undefined && { name }),
    field: fieldName(path),
    message,
    ...(hint !== undefined && { hint }),
    severity: 'error',
  };
}

function readableLabels(value: unknown): Readonly<Record<string, string>> {
  const metadata = isJsonObject(value) ? value['metadata'] : undefined;
  const labels = labelsSchema.safeParse(isJsonObject(metadata) ? metadata['labels'] : undefined);
  return labels.success ? labels.data : {};
}

function specOf(value: unknown): unknown {
  const document: JsonObject = isJsonObject(value) ? value : {};
  return document['spec'];
}
