import type { CompiledCondition, Conditions } from './condition.ts';

/**
 * Compiles each text once, and none that its predecessor has compiled: of many conditions mostly a few change. What is
 * not asked for again is forgotten with the predecessor.
 */
export class RememberedConditions implements Conditions {
  readonly #language: Conditions;
  readonly #former: ReadonlyMap<string, CompiledCondition> | undefined;
  readonly #compiled = new Map<string, CompiledCondition>();

  constructor(language: Conditions, former?: ReadonlyMap<string, CompiledCondition>) {
    this.#language = language;
    this.#former = former;
  }

  successor(): RememberedConditions {
    return new RememberedConditions(this.#language, this.#compiled);
  }

  /** Whether to compile a text would be no work. */
  knows(text: string): boolean {
    return this.#compiled.has(text) || this.#former?.has(text) === true;
  }

  compile(text: string): CompiledCondition {
    const compiled = this.#compiled.get(text) ?? this.#former?.get(text) ?? this.#language.compile(text);
    this.#compiled.set(text, compiled);
    return compiled;
  }
}
