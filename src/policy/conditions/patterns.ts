import { RE2JS } from '@bufbuild/re2';
import { MAX_MATCHED } from './cost.ts';
import { patternSize } from './pattern-size.ts';

const MAX_LENGTH = 256;
const MAX_INSTRUCTIONS = 256;
/** Compiled; patterns of former resources go first. */
const MAX_KEPT = 10_000;

/**
 * The patterns of `matches` (RE2: a match takes time in proportion to text and program, whatever they are), each compiled
 * once, when the condition is loaded.
 */
export class Patterns {
  readonly #compiled = new Map<string, RE2JS>();

  /** Why a pattern cannot be used, undefined where it can. */
  fault(pattern: string): string | undefined {
    if (pattern.length > MAX_LENGTH) return `the pattern is longer than ${MAX_LENGTH} characters`;
    if (patternSize(pattern) > MAX_INSTRUCTIONS) return 'the pattern repeats too much';
    try {
      const compiled = RE2JS.compile(pattern);
      if (compiled.re2().prog.numInst() > MAX_INSTRUCTIONS) return 'the pattern repeats too much';
      this.#keep(pattern, compiled);
      return undefined;
    } catch {
      return 'is not a pattern of RE2';
    }
  }

  instructions(pattern: string): number {
    return this.#compiled.get(pattern)?.re2().prog.numInst() ?? 0;
  }

  /** Whether any part of the text matches, of a pattern without fault. Throws for a text that is too long. */
  test(pattern: string, text: string): boolean {
    if (text.length > MAX_MATCHED) throw new Error(`matches(): the text is longer than ${MAX_MATCHED} characters`);
    const compiled = this.#compiled.get(pattern) ?? RE2JS.compile(pattern);
    this.#keep(pattern, compiled);
    return compiled.test(text);
  }

  #keep(pattern: string, compiled: RE2JS): void {
    this.#compiled.delete(pattern);
    this.#compiled.set(pattern, compiled);
    const [oldest] = this.#compiled.keys();
    if (this.#compiled.size > MAX_KEPT && oldest !== undefined) this.#compiled.delete(oldest);
  }
}
