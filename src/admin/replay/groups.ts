/** One request of a group, for people. */
export interface Example {
  /** TrustedIssuer and subject. */
  readonly identity: string;
  readonly address: string;
  readonly traceId?: string | undefined;
  /** RFC 3339: when it was asked. */
  readonly at: string;
}

/** Requests of which the same is to be said. */
export interface Group<L> {
  readonly count: number;
  readonly examples: readonly Example[];
  readonly label: L;
}

export interface Groups<L> {
  readonly count: number;
  /** Largest first. */
  readonly groups: readonly Group<L>[];
  /** Requests whose groups were too many to be told apart. */
  readonly others: number;
}

const MAX_GROUPS = 200;
const MAX_EXAMPLES = 3;

/** Counts requests by what is to be said of them, with a few examples each, in bounded memory. */
export class GroupTally<L extends object> {
  readonly #groups = new Map<string, { count: number; readonly examples: Example[]; readonly label: L }>();
  #count = 0;
  #others = 0;

  add(label: L, example: () => Example): void {
    this.#count += 1;
    const key = JSON.stringify(label);
    let group = this.#groups.get(key);
    if (group === undefined && this.#groups.size >= MAX_GROUPS) {
      this.#others += 1;
      return;
    }
    if (group === undefined) {
      group = { count: 0, examples: [], label };
      this.#groups.set(key, group);
    }
    group.count += 1;
    if (group.examples.length < MAX_EXAMPLES) group.examples.push(example());
  }

  result(): Groups<L> {
    const groups = [...this.#groups.values()].sort((a, b) => b.count - a.count);
    return { count: this.#count, groups, others: this.#others };
  }
}
