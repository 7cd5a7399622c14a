import type { Compiled } from '../policy/compile.ts';
import type { Fault, Kind, ValidDocument } from '../resources/document.ts';

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
  const old = byKey(before);
  const now = byKey(after);
  const of = (documents: readonly ValidDocument[], wanted: (key: string) => boolean) =>
    documents.filter((one) => wanted(keyOf(one))).map(({ kind, name }) => ({ kind, name }));
  return {
    added: of(after.accepted, (key) => !old.has(key)),
    removed: of(before.accepted, (key) => !now.has(key)),
    changed: of(after.accepted, (key) => old.has(key) && !isSame(old.get(key), now.get(key))),
    newFaults: beyond(faultsOf(after), faultsOf(before)),
    goneFaults: beyond(faultsOf(before), faultsOf(after)),
  };
}

/** Everything that compiling found. */
export function faultsOf({ faults, refused }: Compiled): readonly Fault[] {
  return [...faults, ...refused];
}

function byKey({ accepted }: Compiled): ReadonlyMap<string, ValidDocument> {
  return new Map(accepted.map((one) => [keyOf(one), one]));
}

/** Most documents are the very ones of before. */
function isSame(before: ValidDocument | undefined, after: ValidDocument | undefined): boolean {
  return before === after || contentOf(before) === contentOf(after);
}

function contentOf(document: ValidDocument | undefined): string {
  return JSON.stringify([document?.labels, document?.spec]);
}

function keyOf({ kind, name }: Named): string {
  return `${kind}/${name}`;
}

/** Faults that the others lack; lines move with every edit and do not count. */
function beyond(faults: readonly Fault[], others: readonly Fault[]): readonly Fault[] {
  const known = new Set(others.map(textOf));
  return faults.filter((fault) => !known.has(textOf(fault)));
}

function textOf({ source, kind, name, field, message }: Fault): string {
  return JSON.stringify([source, kind, name, field, message]);
}
