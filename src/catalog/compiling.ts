import type { CompileContext, Compiled, CompileInput } from '../policy/compile.ts';
import type { Conditions } from '../policy/conditions/condition.ts';
import { conditionsFor } from '../policy/conditions/conditions-for.ts';
import type { Document, ValidDocument } from '../resources/document.ts';
import type { ResourceMemory } from './resource-memory.ts';

export type Compile = (input: CompileInput) => Compiled;

export interface Compilation {
  readonly compiled: Compiled;
  /** What its conditions are compiled with. */
  readonly conditions: Conditions;
}

/** Everything that a compilation depends on, beside what stays as long as the process. */
interface Inputs {
  /** Each with the ordinal by which it counts as seen. */
  readonly ages: ReadonlyMap<Document, number>;
  readonly lastGood: ReadonlySet<ValidDocument>;
}

interface CompilingDeps {
  readonly memory: ResourceMemory;
  readonly compile: Compile;
  readonly context: CompileContext;
}

/**
 * Compiles documents beside what is remembered of them. What has been compiled for a preview, or is loaded, is not
 * compiled again when it is to be loaded: a document that has not changed is the same object from one reading to the next.
 */
export class Compiling {
  readonly #deps: CompilingDeps;
  #loaded: (Compilation & Inputs) | undefined;
  #previewed: (Compilation & Inputs) | undefined;

  constructor(deps: CompilingDeps) {
    this.#deps = deps;
  }

  /** Of documents that come into force. */
  async load(documents: readonly Document[]): Promise<Compilation> {
    const inputs = this.#inputs(documents);
    const known = [this.#loaded, this.#previewed].find((one) => one !== undefined && isSame(one, inputs));
    this.#loaded = known ?? (await this.#compiled(inputs));
    this.#previewed = undefined;
    return this.#loaded;
  }

  /** Of documents that may come into force next. Holds what it has compiled until something is loaded. */
  async preview(documents: readonly Document[]): Promise<Compilation> {
    const previewed = await this.#compiled(this.#inputs(documents));
    this.#previewed = previewed;
    return previewed;
  }

  /** Of documents that only show what would be. */
  candidate(documents: readonly Document[]): Promise<Compilation> {
    return this.#compiled(this.#inputs(documents));
  }

  #inputs(documents: readonly Document[]): Inputs {
    const { memory } = this.#deps;
    const next = memory.nextOrdinal();
    const age = ({ kind, name, source }: Document) => memory.firstSeen(kind, name, source.id) ?? next;
    return {
      ages: new Map(documents.map((document) => [document, age(document)])),
      lastGood: new Set(memory.lastGood(documents)),
    };
  }

  async #compiled(inputs: Inputs): Promise<Compilation & Inputs> {
    const { memory, compile, context } = this.#deps;
    const documents = [...inputs.ages.keys()];
    const lastGood = [...inputs.lastGood];
    const conditions = await conditionsFor([...documents, ...lastGood], this.#loaded?.conditions);
    const firstSeen = ({ kind, name, source }: Document) => memory.firstSeen(kind, name, source.id);
    const former = this.#loaded?.compiled;
    const compiled = compile({ documents, firstSeen, lastGood, context, conditions, former });
    return { ...inputs, conditions, compiled };
  }
}

function isSame(some: Inputs, others: Inputs): boolean {
  if (some.ages.size !== others.ages.size || some.lastGood.size !== others.lastGood.size) return false;
  return (
    some.ages.entries().every(([document, age]) => others.ages.get(document) === age) &&
    some.lastGood.isSubsetOf(others.lastGood)
  );
}
