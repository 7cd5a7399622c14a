import type { Compiled } from '../policy/compile.ts';
import type { Document, Fault, Kind, ValidDocument } from '../resources/document.ts';

interface Named {
  readonly kind: Kind;
  readonly name: string;
}

/** What another set of resources changes in what is in force. */
export interface Changes {
  readonly added: readonly Named[];
  readonly removed: readonly Named[];
  readonly changed: readonly Named[];
  /** What would be wrong, or doubtful, and is not now. */
  readonly newFaults: readonly Fault[];
  readonly goneFaults: readonly Fault[];
}

/** The difference between two compilations, by the documents that are good in each and by what is wrong in each. */
export function changesBetween(before: Compiled, after: Compiled): Changes {
  // Most documents are the very ones of before.
  const old = byKey(before.accepted.filter((one) => !after.accepts(one)));
  const now = byKey(after.accepted.filter((one) => !before.accepts(one)));
  const named = (documents: ReadonlyMap<string, ValidDocument>, wanted: (key: string) => boolean) =>
    [...documents].flatMap(([key, { kind, name }]) => (wanted(key) ? [{ kind, name }] : []));
  return {
    added: named(now, (key) => !old.has(key)),
    removed: named(old, (key) => !now.has(key)),
    changed: named(now, (key) => old.has(key) && contentOf(old.get(key)) !== contentOf(now.get(key))),
    newFaults: beyond(faultsOf(after), faultsOf(before)),
    goneFaults: beyond(faultsOf(before), faultsOf(after)),
  };
}

/**
 * The changes as somebody may be told of them who reads the documents that `admits` lets through. What is wrong with other
 * mappings by his own he has to know; what a ceiling says of him, he has not.
 */
export function toldOf(changes: Changes, documents: readonly Document[], admits: (one: Document) => boolean): Changes {
  const isTold = (fault: Fault) =>
    fault.kind === 'FederationMapping' ||
    documents.some((one) => one.kind === fault.kind && one.name === fault.name && admits(one));
  const { newFaults, goneFaults } = changes;
  return { ...changes, newFaults: newFaults.filter(isTold), goneFaults: goneFaults.filter(isTold) };
}

/** Everything that compiling found. */
export function faultsOf({ faults, refused }: Compiled): readonly Fault[] {
  return [...faults, ...refused];
}

function byKey(documents: readonly ValidDocument[]): ReadonlyMap<string, ValidDocument> {
  return new Map(documents.map((one) => [`${one.kind}/${one.name}`, one]));
}

function contentOf(document: ValidDocument | undefined): string {
  return JSON.stringify([document?.labels, document?.spec]);
}

/** Faults that the others lack; lines move with every edit and do not count. */
function beyond(faults: readonly Fault[], others: readonly Fault[]): readonly Fault[] {
  const known = new Set(others.map(textOf));
  return faults.filter((fault) => !known.has(textOf(fault)));
}

function textOf({ source, kind, name, field, message }: Fault): string {
  return JSON.stringify([source, kind, name, field, message]);
}
