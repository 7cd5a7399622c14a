import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fuzz, outcomeOf, type Target } from './fuzzer.ts';
import { Dice, mutate } from './mutator.ts';
import { TARGETS } from './targets.ts';

const KEPT = join(import.meta.dirname, '../fixtures/fuzz');

function planted(changes: Partial<Target> = {}): Target {
  return {
    name: 'planted',
    seeds: [Buffer.from('....')],
    words: [Buffer.from('a')],
    run: (input) => outcomeOf(() => deepestMatch(input)),
    fault: (_, outcome) => ('value' in outcome && outcome.value === 4 ? 'reached the bug' : undefined),
    maxSteps: () => 10_000,
    ...changes,
  };
}

/** How many letters of a word that nobody guesses at once stand in front. */
function deepestMatch(input: Uint8Array): number {
  const wrong = [...Buffer.from('bug!')].findIndex((letter, index) => input[index] !== letter);
  return wrong < 0 ? 4 : wrong;
}

/** Measures the planted target as blocks of its code would. */
const guided = (target: Target) => {
  let depth = 0;
  return {
    target: {
      ...target,
      run: (input: Uint8Array) => {
        depth = deepestMatch(input);
        return target.run(input);
      },
    },
    measure: (run: () => void) => {
      run();
      return { features: [`depth ${depth}`], steps: 1 };
    },
  };
};
const blind = (run: () => void) => {
  run();
  return { features: ['one'], steps: 1 };
};

describe('the fuzzer', () => {
  test('finds by coverage what it does not find blindly with as many tries', () => {
    const { target, measure } = guided(planted());
    const goesOn = (executions: number) => executions < 100_000;
    expect(fuzz(target, { seed: 7, measure, goesOn }).findings.map(({ fault }) => fault)).toContain('reached the bug');
    expect(fuzz(planted(), { seed: 7, measure: blind, goesOn }).findings).toEqual([]);
  });

  test('does the same for the same seed', () => {
    const run = () => {
      const { target, measure } = guided(planted());
      return fuzz(target, { seed: 11, measure, goesOn: (executions) => executions < 500 });
    };
    expect(run()).toEqual(run());
  });

  test('takes more steps than the size of an input allows for a finding', () => {
    const slow = (run: () => void) => {
      run();
      return { features: ['one'], steps: 10_001 };
    };
    const { findings } = fuzz(planted(), { seed: 1, measure: slow, goesOn: () => false });
    expect(findings.map(({ fault }) => fault)).toEqual(['more steps than its size allows']);
  });

  test('makes inputs of at most 20,000 bytes, whatever it repeats', () => {
    const dice = new Dice(3);
    const material = { dice, words: [Buffer.from('[')], other: Buffer.from('tail') };
    let input: Uint8Array = Buffer.from('{}');
    let longest = 0;
    for (let round = 0; round < 2000; round += 1) {
      input = mutate(input, material);
      longest = Math.max(longest, input.length);
    }
    expect(longest).toBeGreaterThan(1000);
    expect(longest).toBeLessThanOrEqual(20_000);
  });
});

describe('the reader under fuzzing (V1, V7, V16)', () => {
  test('keeps its promises for 300 inputs to each of its four targets, by the command itself', () => {
    const keep = mkdtempSync(join(tmpdir(), 'carnet-fuzz-'));
    const main = join(import.meta.dirname, '../../scripts/fuzz.ts');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [main, '--executions', '300', '--seed', '1', '--keep', keep],
      { encoding: 'utf8' },
    );
    const kept = readdirSync(keep);
    rmSync(keep, { recursive: true });
    expect(stderr).toBe('');
    expect(stdout.match(/300 executions, .* 0 findings/g)).toHaveLength(4);
    expect([status, kept]).toEqual([0, []]);
  });

  test.each(TARGETS)('keeps them for the seeds and for every input that ever broke one: $name', (target) => {
    const folder = join(KEPT, target.name);
    const files = existsSync(folder) ? readdirSync(folder).map((file) => readFileSync(join(folder, file))) : [];
    for (const input of [...target.seeds, ...files]) {
      expect(target.fault(input, target.run(input)), input.toString()).toBeUndefined();
    }
  });

  test.each(TARGETS)('would be caught breaking them: $name', ({ fault }) => {
    const input = Buffer.from('{"a":1,"a":2}');
    expect(fault(input, { thrown: new TypeError('x') })).toBe('throws another error');
  });
});

describe('the oracles of the reader', () => {
  const [strictJson, compactJws] = TARGETS;

  test('see a text accepted that JSON.parse refuses, and a value read otherwise', () => {
    expect(strictJson?.fault(Buffer.from('[1,]'), { value: [1] })).toBe('accepts what JSON.parse refuses');
    expect(strictJson?.fault(Buffer.from('[1]'), { value: [2] })).toBe('reads another value than JSON.parse');
    expect(strictJson?.fault(Buffer.of(0x22, 0xff, 0x22), { value: '\ufffd' })).toBe('accepts what JSON.parse refuses');
  });

  test('see a token read otherwise than jose reads it', () => {
    const token = compactJws?.seeds[0] ?? Buffer.alloc(0);
    const outcome = compactJws?.run(token) ?? { thrown: undefined };
    const read = 'value' in outcome ? (outcome.value as object) : {};
    const faultOf = (change: object) => compactJws?.fault(token, { value: { ...read, ...change } });
    expect(faultOf({})).toBeUndefined();
    expect(faultOf({ alg: 'RS256' })).toBe('reads another header than jose');
    expect(faultOf({ kid: 'other' })).toBe('reads another header than jose');
    expect(faultOf({ unverifiedClaims: {} })).toBe('reads other claims than jose');
    expect(faultOf({ signingInput: 'e30.e30' })).toBe('would have other bytes signed');
    expect(compactJws?.fault(Buffer.from('a.b'), { value: read })).toBe('accepts what jose refuses');
  });
});
