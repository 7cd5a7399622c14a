import { RE2JS } from '@bufbuild/re2';
import { MAX_MATCHED } from './cost.ts';
import { patternSize } from './pattern-size.ts';

const MAX_LENGTH = 256;
const MAX_INSTRUCTIONS = 256;

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
      this.#compiled.set(pattern, compiled);
      return undefined;
    } catch {
      return 'is not a pattern of RE2';
    }
  }

  instructions(pattern: string): number {
    return this.#compiled.get(pattern)?.re2().prog.numInst() ?? 0;
  }

  /** Whether any part of the text matches. Throws for a text that is too long and for a pattern that was never checked. */
  test(pattern: string, text: string): boolean {
    if (text.length > MAX_MATCHED) throw new Error(`matches(): the text is longer than ${MAX_MATCHED} characters`);
    const compiled = this.#compiled.get(pattern);
    if (compiled === undefined) throw new Error('matches(): the pattern was not checked');
    return compiled.test(text);
  }
}
