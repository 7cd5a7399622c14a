import { describe, expect, test } from 'vitest';
import { CelConditions } from '../../src/policy/conditions/cel-conditions.ts';
import { ATTRIBUTES } from '../support/attributes.ts';
import { type SpecCase, specCases } from '../support/cel-spec.ts';

const conditions = new CelConditions();
const CASES = specCases().map((one) => ({ ...one, ...told(one) }));

/** What Carnet makes of a case: what it says, or why the text is no condition of Carnet's. */
function told({ condition, skipped }: SpecCase): { readonly told: string; readonly why?: string } {
  if (condition === undefined) return { told: 'skipped', why: skipped ?? '' };
  const compiled = conditions.compile(condition);
  if (compiled.ok) return { told: compiled.condition.ask(ATTRIBUTES).kind };
  return { told: 'refused', why: compiled.faults[0].message };
}

/** By file of the specification: conditions that say what they must, and those that are refused when they are loaded. */
function counts(): Record<string, string> {
  const files = Map.groupBy(CASES, ({ file }) => file);
  return Object.fromEntries(
    [...files].flatMap(([file, cases]) => {
      const count = (...kinds: string[]) => cases.filter((one) => kinds.includes(one.told)).length;
      const said = count('true', 'false', 'error');
      return said === 0 ? [] : [[file, `${said} of ${cases.length}`]];
    }),
  );
}

describe('conditions and the data of the CEL specification', () => {
  test('say what the specification says, wherever Carnet takes the expression at all', () => {
    const wrong = CASES.filter((one) => !['skipped', 'refused', one.expected].includes(one.told));
    expect(wrong.map(({ name, condition, told }) => `${name}: ${condition} is ${told}`)).toEqual([]);
  });

  test('take so many cases of each file', () => {
    expect(counts()).toEqual({
      basic: '35 of 43',
      comparisons: '145 of 406',
      conversions: '16 of 109',
      fields: '21 of 60',
      fp_math: '26 of 30',
      integer_math: '61 of 64',
      lists: '21 of 39',
      logic: '21 of 30',
      macros: '24 of 44',
      parse: '173 of 219',
      plumbing: '3 of 5',
      string: '51 of 51',
      timestamps: '57 of 76',
      type_deductions: '12 of 47',
    });
  });

  test('refuse the others for these reasons', () => {
    const reasons = CASES.filter((one) => one.told === 'refused' || one.told === 'skipped').map(({ told, why = '' }) =>
      told === 'skipped' ? `skipped: ${why}` : kindOf(why),
    );
    const counted = Object.fromEntries([...Map.groupBy(reasons, (why) => why)].map(([why, all]) => [why, all.length]));
    expect(counted).toEqual({
      'skipped: variables': 139,
      'skipped: container': 507,
      'skipped: no value': 158,
      'skipped: type or message': 39,
      'there is no function': 378,
      'there is no variable': 225,
      'there is no type': 91,
      types: 53,
      'mixed types': 39,
      syntax: 41,
      nesting: 1,
      literals: 7,
    });
  });

  test('refuse whatever the checker of cel-go refuses', () => {
    const refused = CASES.filter(({ refusedByGo, told }) => refusedByGo && told !== 'skipped');
    expect(refused.length).toBeGreaterThan(0);
    const taken = refused.filter(({ told }) => told !== 'refused');
    expect(taken.map(({ name, condition }) => `${name}: ${condition}`)).toEqual([]);
  });
});

/** Without what is of the case: names, types and characters. */
function kindOf(message: string): string {
  const kinds: readonly [RegExp, string][] = [
    [/^(there is no \w+) .*$/, '$1'],
    [/^.* (?:cannot be used with|needs what is) .*$/, 'types'],
    [/^stands beside .*$/, 'mixed types'],
    [/^cannot be read on .*$/, 'syntax'],
    [/^brackets stand in one another .*$/, 'nesting'],
    [/^is not a (?:duration|moment), .*$/, 'literals'],
  ];
  const [pattern, kind] = kinds.find(([one]) => one.test(message)) ?? [/^$/, ''];
  return message.replace(pattern, kind);
}
