import { each, type Steps, sorted } from '../core/steps.ts';
import type { Document, ValidDocument } from '../resources/document.ts';

/** The revision in which a document of this kind and name was first seen in its source; undefined when it is new. */
export type FirstSeen = (document: Document) => number | undefined;

/** A document of this revision with its standing among those of its kind and name. */
export interface Version {
  readonly document: Document;
  readonly firstSeen: number | undefined;
  /** False when another source had this kind and name first, or has it since the same revision. */
  readonly holdsName: boolean;
  /** The one that does, where there is one and it is another. */
  readonly holder?: Document;
}

/** Names whose documents are looked at in one step. */
const NAMES_AT_ONCE = 50;

/**
 * Documents of one kind with their standing, in an order that depends on the documents alone, never on the order in which
 * they were read. Of a name that is there more than once, the one first seen alone holds the name, else none.
 */
export function* versionsOf(documents: readonly Document[], firstSeen: FirstSeen): Steps<readonly Version[]> {
  const groups = Map.groupBy(yield* sorted(documents, byIdentity), ({ name }) => name);
  yield;
  const versions: Version[] = [];
  yield* each(groups.values(), NAMES_AT_ONCE, (group) => {
    const [only] = group;
    if (only !== undefined && group.length === 1) {
      versions.push({ document: only, firstSeen: firstSeen(only), holdsName: true });
      return;
    }
    const since = group.map((document) => firstSeen(document) ?? Number.POSITIVE_INFINITY);
    const first = since.indexOf(Math.min(...since));
    const holder = first === since.lastIndexOf(since[first] ?? 0) ? group[first] : undefined;
    for (const document of group) {
      const holdsName = document === holder;
      const other = holdsName || holder === undefined ? undefined : { holder };
      versions.push({ document, firstSeen: firstSeen(document), holdsName, ...other });
    }
  });
  return versions;
}

/**
 * Last good versions by kind and name, preferring the source of the document that needs one. None is a document's own
 * last good version: what is refused as it stands now is not in force for having been good once.
 */
export class LastGood {
  readonly #documents: readonly ValidDocument[];
  /** Made when it is first asked for: most often nothing is faulty. */
  #byName: ReadonlyMap<string, readonly ValidDocument[]> | undefined;

  constructor(documents: readonly ValidDocument[]) {
    this.#documents = documents;
  }

  /** Of this very source, else of any: a file that was renamed and mistyped at once keeps its last good version. */
  of(document: Document): ValidDocument | undefined {
    const known = this.#others(document);
    return known.find((good) => good.source.id === document.source.id) ?? known[0];
  }

  ofThisSource(document: Document): ValidDocument | undefined {
    return this.#others(document).find((good) => good.source.id === document.source.id);
  }

  #others(document: Document): readonly ValidDocument[] {
    this.#byName ??= Map.groupBy(this.#documents, nameOf);
    return (this.#byName.get(nameOf(document)) ?? []).filter((good) => good !== document).sort(byIdentity);
  }
}

/** Neither a kind nor a name has a space in it. */
function nameOf({ kind, name }: Document): string {
  return `${kind} ${name}`;
}

export function byIdentity(a: Document, b: Document): number {
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
