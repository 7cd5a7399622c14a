import { isJsonObject, type JsonValue } from '../core/json.ts';
import type { Document, ValidDocument } from '../resources/document.ts';
import { subject as subjectSchema } from '../resources/mapping-subject.ts';
import { readableAddresses, texts } from '../resources/targets/readable-addresses.ts';
import { addressesOf, targetOf } from '../resources/targets/target.ts';
import { subjectOf } from './compile-mapping.ts';
import type { CompiledMapping } from './compiled-mapping.ts';
import { isNameOfAnother } from './mapping-faults.ts';
import type { Subject } from './subject.ts';

interface Place {
  readonly subject: Subject;
  readonly addresses: readonly string[];
}

/**
 * A faulty mapping as it stays in the index: it keeps the subject and the addresses of its last good version, else what
 * can be read of its own, and refuses `inactive`, so that a mistake never lets a wider mapping take over. Undefined when
 * no whole subject can be read, or when it was a shadow, which takes no part. Names of other mappings are left to them.
 */
export function quarantined(
  document: Document,
  good: ValidDocument | undefined,
  mappingNames: ReadonlySet<string>,
): CompiledMapping | undefined {
  const place = placeOf(good ?? document);
  if (place === undefined) return undefined;
  const { name } = document;
  return {
    name,
    subject: place.subject,
    addresses: place.addresses.filter((address) => !isNameOfAnother(address, name, mappingNames)),
    state: { kind: 'inactive', why: 'the mapping is faulty' },
  };
}

function placeOf(document: Document): Place | undefined {
  if (!document.valid) return readablePlace(document.name, document.raw);
  if (document.kind !== 'FederationMapping' || document.spec.mode === 'shadow') return undefined;
  const { spec } = document;
  const subject = subjectOf(spec.subject);
  const target = targetOf(spec.target);
  if (subject === undefined || target === undefined) return undefined;
  return { subject, addresses: addressesOf(document.name, spec.addresses ?? [], target) };
}

function readablePlace(name: string, raw: unknown): Place | undefined {
  if (!isJsonObject(raw) || raw['mode'] === 'shadow') return undefined;
  const parsed = subjectSchema.safeParse(raw['subject']);
  const subject = parsed.success ? subjectOf(parsed.data) : undefined;
  if (subject === undefined) return undefined;
  const aliases: JsonValue | undefined = raw['addresses'];
  const { native, byName } = readableAddresses(raw['target']);
  return { subject, addresses: [...new Set([...(byName ? [name, ...texts(aliases)] : []), ...native])] };
}
