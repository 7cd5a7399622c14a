import { RE2JS } from '@bufbuild/re2';
import { MAX_MATCHED } from './cost.ts';
import { patternSize } from './pattern-size.ts';

const MAX_LENGTH = 256;
const MAX_INSTRUCTIONS = 256;
/** Compiled; patterns of former resources go first. */
const MAX_KEPT = 10_000;
/** Instructions and bounds of classes of all that are kept together, some ten bytes each: `\p{L}` alone has 1,368. */
const MAX_WEIGHT = 4_000_000;
/** That a pattern may remember of what it was held against, some 1.6 KB each. */
const MAX_STATES = 1_000;

interface Compiled {
  readonly pattern: RE2JS;
  readonly weight: number;
}

/**
 * The patterns of `matches` (RE2: a match takes time in proportion to text and program, whatever they are), each compiled
 * once, when the condition is loaded.
 */
export class Patterns {
  readonly #compiled = new Map<string, Compiled>();
  #weight = 0;

  /** Why a pattern cannot be used, undefined where it can. */
  fault(pattern: string): string | undefined {
    if (pattern.length > MAX_LENGTH) return `the pattern is longer than ${MAX_LENGTH} characters`;
    if (patternSize(pattern) > MAX_INSTRUCTIONS) return 'the pattern repeats too much';
    try {
      const compiled = compile(pattern);
      if (instructionsOf(compiled) > MAX_INSTRUCTIONS) return 'the pattern repeats too much';
      this.#keep(pattern, compiled);
      return undefined;
    } catch {
      return 'is not a pattern of RE2';
    }
  }

  /** Of a pattern that is kept; 0 for others. */
  instructions(pattern: string): number {
    const compiled = this.#compiled.get(pattern);
    return compiled === undefined ? 0 : instructionsOf(compiled);
  }

  /** Whether any part of the text matches, of a pattern without fault. Throws for a text that is too long. */
  test(pattern: string, text: string): boolean {
    if (text.length > MAX_MATCHED) throw new Error(`matches(): the text is longer than ${MAX_MATCHED} characters`);
    const compiled = this.#compiled.get(pattern) ?? compile(pattern);
    this.#keep(pattern, compiled);
    return compiled.pattern.test(text);
  }

  /** The one that is kept last stays, whatever it weighs. */
  #keep(pattern: string, compiled: Compiled): void {
    this.#drop(pattern);
    this.#compiled.set(pattern, compiled);
    this.#weight += compiled.weight;
    for (const oldest of this.#compiled.keys()) {
      if (oldest === pattern || (this.#compiled.size <= MAX_KEPT && this.#weight <= MAX_WEIGHT)) return;
      this.#drop(oldest);
    }
  }

  #drop(pattern: string): void {
    this.#weight -= this.#compiled.get(pattern)?.weight ?? 0;
    this.#compiled.delete(pattern);
  }
}

function compile(text: string): Compiled {
  const pattern = RE2JS.compile(text);
  const { prog, dfa } = pattern.re2();
  dfa.stateLimit = MAX_STATES;
  return { pattern, weight: prog.inst.reduce((sum, { runes }) => sum + 1 + runes.length, 0) };
}

function instructionsOf({ pattern }: Compiled): number {
  return pattern.re2().prog.numInst();
}
