import type { Document, DocumentOf, Fault, Kind } from '../resources/document.ts';
import { errorAt } from './fault.ts';
import type { LastGood, Version } from './versions.ts';

/** What of one kind is in force. */
export interface Chosen<K extends Kind> {
  /** One version of each name: the current one, else the last good one. */
  readonly inForce: readonly DocumentOf<K>[];
  /** Those of `inForce` that are last good versions. */
  readonly kept: readonly DocumentOf<K>[];
  /** Those of `inForce` that are of this revision. */
  readonly accepted: readonly DocumentOf<K>[];
  readonly faults: readonly Fault[];
  /** Faulty documents in whose place nothing is in force: they stop a start, and are refused at reload. */
  readonly refused: readonly Fault[];
}

/** For each name of a kind the current version when it is whole and holds the name, else the last good one. */
export function choose<K extends Kind>(kind: K, versions: readonly Version[], lastGood: LastGood): Chosen<K> {
  const accepted: DocumentOf<K>[] = [];
  const kept: DocumentOf<K>[] = [];
  const faults: Fault[] = [];
  const refused: Fault[] = [];
  for (const group of Map.groupBy(versions, ({ document }) => document.name).values()) {
    const holder = group.find(({ holdsName }) => holdsName)?.document;
    const current = holder !== undefined && isValid(holder, kind) ? holder : undefined;
    const needy = holder ?? group[0]?.document;
    const good = current === undefined && needy !== undefined ? lastGood.of(needy) : undefined;
    if (current !== undefined) accepted.push(current);
    if (good !== undefined && isValid(good, kind)) kept.push(good);
    for (const { document, holdsName } of group) {
      if (!holdsName) faults.push(duplicateFault(document, holder));
      const replaced = holdsName || holder === undefined ? (current ?? good) !== undefined : false;
      if (!replaced) refused.push(refusalOf(document));
    }
  }
  return { inForce: [...accepted, ...kept], kept, accepted, faults, refused };
}

/** The fault of a document whose kind and name another document has. */
export function duplicateFault(document: Document, holder: Document | undefined): Fault {
  const message =
    holder === undefined
      ? `another ${document.kind} has the same name since the same revision, so neither counts`
      : `the name belongs to the ${document.kind} in ${holder.source.id}, which was there first`;
  return errorAt(document, ['metadata', 'name'], { message, hint: 'give one of them another name' });
}

export function refusalOf(document: Document): Fault {
  return errorAt(document, [], { message: `this ${document.kind} is faulty and has no last good version to keep` });
}

function isValid<K extends Kind>(document: Document, kind: K): document is DocumentOf<K> {
  return document.valid && document.kind === kind;
}
