import type { Measure } from './block-coverage.ts';
import { Dice, mutate } from './mutator.ts';

/** What is fuzzed. */
export interface Target {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  /** Pieces of the format that blind changes would seldom hit. */
  readonly words: readonly Uint8Array[];
  /** Runs the code under test on the input; only this is measured. Never throws. */
  readonly run: (input: Uint8Array) => Outcome;
  /** Why the outcome breaks a promise, or undefined. */
  readonly fault: (input: Uint8Array, outcome: Outcome) => string | undefined;
  /** The most steps that an input of so many bytes may take. */
  readonly maxSteps: (bytes: number) => number;
}

export type Outcome = { readonly value: unknown } | { readonly thrown: unknown };

export interface Finding {
  readonly input: Uint8Array;
  readonly fault: string;
}

export interface Report {
  readonly executions: number;
  readonly accepted: number;
  /** Inputs that touched something new, and the number of things touched. */
  readonly kept: number;
  readonly features: number;
  readonly findings: readonly Finding[];
}

export interface Run {
  readonly seed: number;
  readonly measure: Measure;
  /** Asked before each execution with the number done. */
  readonly goesOn: (executions: number) => boolean;
}

const MAX_FINDINGS = 10;

/** Changes inputs and keeps those that reach new blocks, until told to stop or ten promises have been broken. */
export function fuzz(target: Target, { seed, measure, goesOn }: Run): Report {
  const dice = new Dice(seed);
  const corpus: Uint8Array[] = [];
  const features = new Set<string>();
  const findings: Finding[] = [];
  let executions = 0;
  let accepted = 0;
  const execute = (input: Uint8Array): void => {
    executions += 1;
    let outcome: Outcome = { thrown: undefined };
    const touched = measure(() => {
      outcome = target.run(input);
    });
    if ('value' in outcome) accepted += 1;
    const fault = target.fault(input, outcome) ?? tooMuch(target, input, touched.steps);
    if (fault !== undefined && !findings.some((known) => known.fault === fault)) findings.push({ input, fault });
    const before = features.size;
    for (const feature of touched.features) features.add(feature);
    if (features.size > before) corpus.push(input);
  };
  for (const one of target.seeds) execute(one);
  while (goesOn(executions) && findings.length < MAX_FINDINGS) {
    execute(mutate(dice.pick(corpus), { dice, words: target.words, other: dice.pick(corpus) }));
  }
  return { executions, accepted, kept: corpus.length, features: features.size, findings };
}

function tooMuch({ maxSteps }: Target, { length }: Uint8Array, steps: number): string | undefined {
  return steps > maxSteps(length) ? 'more steps than its size allows' : undefined;
}

/** The outcome of a function, whatever it does. */
export function outcomeOf(run: () => unknown): Outcome {
  try {
    return { value: run() };
  } catch (thrown) {
    return { thrown };
  }
}
