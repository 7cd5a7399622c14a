import type { Document, Kind, ValidDocument } from '../resources/document.ts';

/** The revision in which a document of this kind and name was first seen in a source; undefined when it is new. */
export type FirstSeen = (kind: Kind, name: string, sourceId: string) => number | undefined;

/** A document of this revision with its standing among those of its kind and name. */
export interface Version {
  readonly document: Document;
  readonly firstSeen: number | undefined;
  /** False when another source had this kind and name first, or has it since the same revision. */
  readonly holdsName: boolean;
}

/**
 * Every document with its standing, in an order that depends on the documents alone, never on the order in which they
 * were read. Of a kind and name that is there more than once, the one first seen alone holds the name, else none.
 */
export function versionsOf(documents: readonly Document[], firstSeen: FirstSeen): readonly Version[] {
  const sorted = documents
    .toSorted(byIdentity)
    .map((document) => ({ document, firstSeen: firstSeen(document.kind, document.name, document.source.id) }));
  const groups = Map.groupBy(sorted, ({ document }) => JSON.stringify([document.kind, document.name]));
  return [...groups.values()].flatMap((group) => {
    const since = group.map((one) => one.firstSeen ?? Number.POSITIVE_INFINITY);
    const earliest = Math.min(...since);
    const alone = since.indexOf(earliest) === since.lastIndexOf(earliest);
    return group.map((one, at) => ({ ...one, holdsName: alone && since[at] === earliest }));
  });
}

/** Last good versions by kind and name, preferring the source of the document that needs one. */
export class LastGood {
  readonly #byName: ReadonlyMap<string, readonly ValidDocument[]>;

  constructor(documents: readonly ValidDocument[]) {
    this.#byName = Map.groupBy(documents.toSorted(byIdentity), ({ kind, name }) => JSON.stringify([kind, name]));
  }

  /** Of this very source, else of any: a file that was renamed and mistyped at once keeps its last good version. */
  of({ kind, name, source }: Document): ValidDocument | undefined {
    const known = this.#byName.get(JSON.stringify([kind, name])) ?? [];
    return known.find((good) => good.source.id === source.id) ?? known[0];
  }

  ofThisSource({ kind, name, source }: Document): ValidDocument | undefined {
    return this.#byName.get(JSON.stringify([kind, name]))?.find((good) => good.source.id === source.id);
  }
}

function byIdentity(a: Document, b: Document): number {
  return (
    compareText(a.kind, b.kind) ||
    compareText(a.name, b.name) ||
    compareText(a.source.id, b.source.id) ||
    a.index - b.index
  );
}

/** By code units, the same in every locale. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
