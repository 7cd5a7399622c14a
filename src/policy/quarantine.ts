import { isJsonObject } from '../core/json.ts';
import type { Document, ValidDocument } from '../resources/document.ts';
import { subject as subjectSchema } from '../resources/mapping-subject.ts';
import { readableAddresses, texts } from '../resources/targets/readable-addresses.ts';
import { addressesOf, cloudAddressesOf, targetOf } from '../resources/targets/target.ts';
import type { CompiledMapping } from './compiled-mapping.ts';
import { isNameOfAnother } from './mapping-faults.ts';
import type { ReservedAudiences } from './reserved-audiences.ts';
import { type Subject, subjectOf } from './subject.ts';

interface Place {
  readonly subject: Subject;
  readonly addresses: readonly string[];
  readonly cloudAddresses: readonly string[];
}

/** What belongs to others and is left to them. */
interface Foreign {
  readonly mappingNames: ReadonlySet<string>;
  readonly reserved: ReservedAudiences;
}

/**
 * A faulty mapping as it stays in the index: it keeps the subject and the addresses of its last good version, else what
 * can be read of its own, and refuses `inactive`, so that a mistake never lets a wider mapping take over. Undefined when
 * no whole subject can be read, or when it was a shadow, which takes no part. Names of other mappings and reserved
 * audiences are left to those whose they are.
 */
export function quarantined(
  document: Document,
  good: ValidDocument | undefined,
  foreign: Foreign,
): CompiledMapping | undefined {
  const place = placeOf(good ?? document, foreign.reserved);
  if (place === undefined) return undefined;
  const { name } = document;
  return {
    name,
    ...place,
    addresses: place.addresses.filter((address) => !isNameOfAnother(address, name, foreign.mappingNames)),
    state: { kind: 'inactive', why: 'the mapping is faulty' },
  };
}

function placeOf(document: Document, reserved: ReservedAudiences): Place | undefined {
  if (!document.valid) return readablePlace(document.name, document.raw, reserved);
  if (document.kind !== 'FederationMapping' || document.spec.mode === 'shadow') return undefined;
  const { spec } = document;
  const subject = subjectOf(spec.subject);
  const target = targetOf(spec.target);
  if (subject === undefined || target === undefined) return undefined;
  const addresses = addressesOf(document.name, spec.addresses ?? [], target);
  const audiences = target.kind === 'jwtSvid' ? target.spec.audiences : [];
  return {
    subject,
    addresses: addresses.filter((one) => !(audiences.includes(one) && reserved.has(one))),
    cloudAddresses: cloudAddressesOf(target),
  };
}

function readablePlace(name: string, raw: unknown, reserved: ReservedAudiences): Place | undefined {
  if (!isJsonObject(raw) || raw['mode'] === 'shadow') return undefined;
  const parsed = subjectSchema.safeParse(raw['subject']);
  const subject = parsed.success ? subjectOf(parsed.data) : undefined;
  if (subject === undefined) return undefined;
  const { native, audiences, byName } = readableAddresses(raw['target']);
  const names = byName ? [name, ...texts(raw['addresses'])] : [];
  const unreserved = audiences.filter((one) => !reserved.has(one));
  return { subject, addresses: [...new Set([...names, ...native, ...unreserved])], cloudAddresses: native };
}
