import { hash } from 'node:crypto';
import { each, type Steps } from '../core/steps.ts';
import type { Document } from '../resources/document.ts';
import { documentDigest } from '../resources/document-digest.ts';

const PARTS = 256;
/** Of which each takes some ten microseconds, where it is not kept. */
const DIGESTS_AT_ONCE = 10;

/** The digests of one part in their order, and what they come to. */
interface Part {
  readonly digests: readonly string[];
  readonly whole: string;
}

const EMPTY: Part = { digests: [], whole: '' };

/**
 * SHA-256 over the content and the authors of all documents: equal wherever the same documents are in force, whatever the
 * order and the files they stand in. Documents are spread over 256 parts by their digests, so that a change costs the parts
 * that it is in.
 */
export class Revision {
  static readonly NONE = new Revision(Array.from({ length: PARTS }, () => EMPTY));
  readonly #parts: readonly Part[];

  private constructor(parts: readonly Part[]) {
    this.#parts = parts;
  }

  *changed(gone: readonly Document[], fresh: readonly Document[]): Steps<Revision> {
    const changes = new Map<number, { readonly gone: string[]; readonly fresh: string[] }>();
    for (const [name, documents] of [['gone', gone] as const, ['fresh', fresh] as const]) {
      yield* each(documents, DIGESTS_AT_ONCE, (document) => {
        const digest = documentDigest(document);
        const at = Number.parseInt(digest.slice(0, 2), 16);
        const change = changes.get(at) ?? { gone: [], fresh: [] };
        change[name].push(digest);
        changes.set(at, change);
      });
    }
    const parts = [...this.#parts];
    for (const [at, change] of changes) {
      const digests = withoutEach(parts[at]?.digests ?? [], change.gone)
        .concat(change.fresh)
        .sort();
      parts[at] = digests.length === 0 ? EMPTY : { digests, whole: hash('sha256', digests.join('\n')) };
      yield;
    }
    return new Revision(parts);
  }

  /** `r-` and 16 hex digits, with the last good versions that are kept in the place of faulty documents. */
  named(kept: readonly Document[]): string {
    const parts = [...this.#parts.map(({ whole }) => whole), ...kept.map(documentDigest).sort()];
    return `r-${hash('sha256', parts.join('\n')).slice(0, 16)}`;
  }
}

/** Equal documents may be there more than once: each that is gone takes one away. */
function withoutEach(digests: readonly string[], gone: readonly string[]): readonly string[] {
  const left = new Map<string, number>();
  for (const digest of gone) left.set(digest, (left.get(digest) ?? 0) + 1);
  return digests.filter((digest) => {
    const count = left.get(digest) ?? 0;
    left.set(digest, count - 1);
    return count <= 0;
  });
}
