import { inTurns } from '../core/in-turns.ts';
import { inSlices, type Steps } from '../core/steps.ts';
import type { CompileContext, Compiled, CompileInput } from '../policy/compile.ts';
import type { Conditions } from '../policy/conditions/condition.ts';
import { conditionsFor } from '../policy/conditions/conditions-for.ts';
import type { Document, ValidDocument } from '../resources/document.ts';
import type { ResourceMemory } from './resource-memory.ts';

export type Compile = (input: CompileInput) => Steps<Compiled>;

export interface Compilation {
  readonly compiled: Compiled;
  /** What its conditions are compiled with. */
  readonly conditions: Conditions;
  readonly inputs: Inputs;
}

/** Everything that a compilation depends on, beside what stays as long as the process. */
interface Inputs {
  /** Each with the ordinal by which it counts as seen. */
  readonly ages: ReadonlyMap<Document, number>;
  /** That of the memory by which these ordinals are. */
  readonly order: number;
  readonly lastGood: ReadonlySet<ValidDocument>;
}

interface CompilingDeps {
  readonly memory: ResourceMemory;
  readonly compile: Compile;
  readonly context: CompileContext;
}

/**
 * Compiles documents beside what is remembered of them, in slices between which requests are served. Each compilation
 * begins with one that is in force, whatever comes into force meanwhile; what has been compiled for a preview, or is in
 * force, is not compiled again when it is to be loaded. A document that has not changed is the same object from one
 * reading to the next.
 */
export class Compiling {
  readonly #deps: CompilingDeps;
  #previewed: Compilation | undefined;

  constructor(deps: CompilingDeps) {
    this.#deps = deps;
  }

  /** Of documents that come into force. */
  async load(documents: readonly Document[], inForce: Compilation | undefined): Promise<Compilation> {
    const inputs = await this.#inputs(documents, inForce);
    const known = [inForce, this.#previewed].find((one) => one !== undefined && isSame(one.inputs, inputs));
    this.#previewed = undefined;
    return known ?? (await this.#compiled(inputs, inForce));
  }

  /** Of documents that may come into force next. Holds what it has compiled until something is loaded. */
  async preview(documents: readonly Document[], inForce: Compilation): Promise<Compilation> {
    const previewed = await this.candidate(documents, inForce);
    this.#previewed = previewed;
    return previewed;
  }

  /** Of documents that only show what would be. */
  async candidate(documents: readonly Document[], inForce: Compilation): Promise<Compilation> {
    return await this.#compiled(await this.#inputs(documents, inForce), inForce);
  }

  async #inputs(documents: readonly Document[], inForce: Compilation | undefined): Promise<Inputs> {
    const { memory } = this.#deps;
    const next = memory.nextOrdinal();
    const { order } = memory;
    const known = inForce?.inputs.order === order ? inForce.inputs.ages : undefined;
    const ages = new Map<Document, number>();
    await inTurns(documents, (document) => {
      const { kind, name, source } = document;
      ages.set(document, known?.get(document) ?? memory.firstSeen(kind, name, source.id) ?? next);
    });
    const isSettled = (document: Document) => inForce?.compiled.accepts(document) ?? false;
    return { ages, order, lastGood: new Set(await memory.lastGood(documents, isSettled)) };
  }

  async #compiled(inputs: Inputs, inForce: Compilation | undefined): Promise<Compilation> {
    const { compile, context } = this.#deps;
    const documents = [...inputs.ages.keys()];
    const lastGood = [...inputs.lastGood];
    const conditions = await conditionsFor([...documents, ...lastGood], inForce?.conditions);
    const firstSeen = (document: Document) => inputs.ages.get(document);
    const former = inForce?.compiled;
    const compiled = await inSlices(compile({ documents, firstSeen, lastGood, context, conditions, former }));
    return { compiled, conditions, inputs };
  }
}

function isSame(some: Inputs, others: Inputs): boolean {
  if (some.ages.size !== others.ages.size || some.lastGood.size !== others.lastGood.size) return false;
  return (
    some.ages.entries().every(([document, age]) => others.ages.get(document) === age) &&
    some.lastGood.isSubsetOf(others.lastGood)
  );
}
