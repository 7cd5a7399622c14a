import { type Example, type Groups, GroupTally } from './groups.ts';
import { differingParts, isSame, type Outcome, type Part } from './outcome.ts';

/** From what to what a request turns. */
export interface Flip {
  /** The mapping before, and the one after, where one selects the caller. */
  readonly before?: string | undefined;
  readonly after?: string | undefined;
  /** Of the refusal. */
  readonly reason?: string | undefined;
}

/** In what the credential of a request changes. */
export interface Change {
  readonly before?: string | undefined;
  readonly after?: string | undefined;
  readonly differs: readonly Part[];
}

/** The difference between two sets of answers to the same requests. */
export interface Differences {
  readonly same: number;
  readonly toRefused: Groups<Flip>;
  readonly toAllowed: Groups<Flip>;
  /** Allowed both times, with another credential. */
  readonly changed: Groups<Change>;
  /** Refused both times, for another reason or by another mapping. */
  readonly refusedOtherwise: number;
}

/** What is to be said of two answers to one question. */
export type Difference =
  | { readonly kind: 'same' | 'refusedOtherwise' }
  | { readonly kind: 'toRefused' | 'toAllowed'; readonly label: Flip }
  | { readonly kind: 'changed'; readonly label: Change };

export function differenceOf(before: Outcome, after: Outcome): Difference {
  const names = { before: before.mapping, after: after.mapping };
  if (before.outcome !== after.outcome) {
    const kind = after.outcome === 'refused' ? 'toRefused' : 'toAllowed';
    return { kind, label: { ...names, reason: after.reason ?? before.reason } };
  }
  if (isSame(before, after)) return { kind: 'same' };
  if (after.outcome === 'refused') return { kind: 'refusedOtherwise' };
  return { kind: 'changed', label: { ...names, differs: differingParts(before, after) } };
}

/** Counts differences by what is to be said of them. */
export class DifferenceTally {
  readonly #toRefused = new GroupTally<Flip>();
  readonly #toAllowed = new GroupTally<Flip>();
  readonly #changed = new GroupTally<Change>();
  #same = 0;
  #refusedOtherwise = 0;

  add(difference: Difference, example: () => Example): void {
    switch (difference.kind) {
      case 'same':
        this.#same += 1;
        break;
      case 'refusedOtherwise':
        this.#refusedOtherwise += 1;
        break;
      case 'toRefused':
        this.#toRefused.add(difference.label, example);
        break;
      case 'toAllowed':
        this.#toAllowed.add(difference.label, example);
        break;
      default:
        this.#changed.add(difference.label, example);
    }
  }

  result(): Differences {
    return {
      same: this.#same,
      toRefused: this.#toRefused.result(),
      toAllowed: this.#toAllowed.result(),
      changed: this.#changed.result(),
      refusedOtherwise: this.#refusedOtherwise,
    };
  }
}
