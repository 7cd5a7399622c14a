import { describe, expect, test } from 'vitest';
import { CelConditions } from '../../../src/policy/conditions/cel-conditions.ts';
import { MAX_COST } from '../../../src/policy/conditions/cost.ts';
import { patternSize } from '../../../src/policy/conditions/pattern-size.ts';
import { ATTRIBUTES } from '../../support/attributes.ts';

const fault = (text: string) => {
  const compiled = new CelConditions().compile(text);
  return compiled.ok ? 'ok' : compiled.faults[0].message;
};
const nested = (open: string, close: string, times: number) => `${open.repeat(times)}1${close.repeat(times)} == 1`;
const macro = (depth: number): string =>
  depth === 0 ? 'true' : `identity.claims.l.all(x${depth}, ${macro(depth - 1)})`;
const claims = (list: readonly number[]) => ({
  ...ATTRIBUTES,
  identity: { ...ATTRIBUTES.identity, claims: { l: list, s: 'a'.repeat(list.length) } },
});
const say = (text: string, items: number) => {
  const compiled = new CelConditions().compile(text);
  return compiled.ok && compiled.condition.ask(claims(Array<number>(items).fill(1))).kind;
};

describe('a condition that is meant to cost', () => {
  test.each([
    ['brackets', nested('(', ')', 32), nested('(', ')', 33), 'brackets stand in one another more than 32 deep'],
    ['brackets without end', '((1)) == 1', '('.repeat(4000), 'brackets stand in one another more than 32 deep'],
    ['members', `identity.claims${'.a'.repeat(28)} == 1`, `identity.claims${'.a'.repeat(31)} == 1`, 'deep in others'],
    ['sums', `1${' + 1'.repeat(29)} == 30`, `1${' + 1'.repeat(1000)} == 1`, 'deep in others'],
    ['choices', `${'true?true:'.repeat(30)}true`, `${'true?true:'.repeat(400)}true`, 'deep in others'],
    ['signs', '!!true', `${'!'.repeat(4000)}true`, ''],
    ['length', `"${'a'.repeat(4080)}" == "a"`, `"${'ä'.repeat(2050)}" == "a"`, 'is longer than 4096 bytes'],
    ['items', `1 in [${'1,'.repeat(900)}1]`, `1 in [${'1,'.repeat(1100)}1]`, 'has more than 1000 parts'],
  ])('is refused for its shape when it is loaded: %s', (_what, accepted, refused, message) => {
    expect(fault(accepted)).toBe('ok');
    if (message !== '') expect(fault(refused)).toContain(message);
  });

  test('is refused for what it may take: the cost of macros in one another multiplies', () => {
    expect(fault(macro(2))).toBe('ok');
    expect(fault(macro(3))).toMatch(/^may take [0-9]+ steps/);
    expect(fault(macro(6))).toMatch(/^may take [0-9]+ steps/);
    expect(fault('[1, 2].all(a, [1, 2].all(b, a + b > 0))')).toBe('ok');
  });

  test('is refused for comparing claims with one another too often', () => {
    const compare = (times: number) => Array<string>(times).fill('issuer.labels == issuer.labels').join(' || ');
    expect(fault(compare(90))).toBe('ok');
    expect(fault(compare(110))).toBe(`may take ${110 * 505 + 109} steps, and ${MAX_COST} is the most`);
  });

  test.each([
    ['compared with one another', 'identity.claims.a == identity.claims.b', 16],
    ['looked for in one another', 'identity.claims.a in identity.claims.b', 16],
    ['looked through for what is written out', '"a" in identity.claims.b', 33],
    ['as parts of lists', '[identity.claims, identity.claims] == [identity.claims, identity.claims]', 8],
    ['searched for one another', 'identity.claims.l.all(x, x.contains(identity.claims.a))', 2],
    ['searched for what is written out and short', 'identity.claims.l.all(x, x.contains("a"))', 8],
  ])('is refused for claims that are %s too often: %s', (_how, text, most) => {
    const times = (count: number) => Array<string>(count).fill(text).join(' && ');
    expect(fault(times(most))).toBe('ok');
    expect(fault(times(most + 1))).toMatch(/^may take [0-9]+ steps/);
  });

  test.each([
    ['lists that are compared', '[[0]]', ',', (x: string, y: string) => `${x} == ${y}`, 5],
    ['lists that are joined', '[[0]]', '+', (x: string, y: string) => `${x} == ${y}`, 4],
    ['texts that are joined', '["a"]', '+', (x: string) => `size(${x}) > 0`, 5],
    ['texts that are searched', '["a"]', '+', (x: string) => `!${x}.contains("b")`, 5],
  ])('is refused for %s, which macros make ten times larger each', (_what, seed, sign, test, tooMany) => {
    const ten = (name: string) => Array<string>(10).fill(name).join(sign);
    const from = (level: number, side: string): string => {
      if (level === 0) return seed;
      const parts = ten(`${side}${level - 1}`);
      return sign === ',' ? `[[${parts}]]` : `[${parts}]`;
    };
    const grown = (levels: number) =>
      Array.from({ length: levels + 1 }, (_, at) => levels - at).reduce(
        (body, level) => `${from(level, 'x')}.all(x${level}, ${from(level, 'y')}.all(y${level}, ${body}))`,
        test(`x${levels}`, `y${levels}`),
      );
    const asked = new CelConditions().compile(grown(2));
    expect(asked.ok && asked.condition.ask(ATTRIBUTES).kind).toBe('true');
    expect(fault(grown(tooMany - 1))).toBe('ok');
    expect(fault(grown(tooMany))).toMatch(/^may take [0-9]+ steps/);
    expect(fault(grown(7))).toMatch(/^may take [0-9]+ steps/);
  });

  test.each(['"', 'b"'])('is refused for what it joins of something long that it writes out itself: %s', (quote) => {
    const ten = (name: string) => `[${Array<string>(10).fill(name).join('+')}]`;
    const all = (over: string) => `[${quote}${'a'.repeat(3000)}"].all(x, ${ten('x')}.all(y, ${over}))`;
    expect(fault(all(`${ten('y')}.all(z, size(z) > 0)`))).toBe('ok');
    expect(fault(all(`${ten('y')}.all(z, ${ten('z')}.all(a, size(a) > 0))`))).toMatch(/^may take [0-9]+ steps/);
  });

  test.each([
    ['^(a+)+$', '(a{30}){30}'],
    ['^[0-9a-f]{8}-[0-9a-f]{4}$', 'a{1000}'],
    ['^refs/(heads|tags)/.*$', '((a{10}){10}){10}'],
    ['(?i)^team-[a-z]{1,20}$', '(\\p{L}{100}){3}'],
  ])('is refused for a pattern that repeats too much: %s but not %s', (accepted, refused) => {
    const matches = (pattern: string) => `identity.pod.matches(r"${pattern}")`;
    expect(fault(matches(accepted))).toBe('ok');
    expect(fault(matches(refused))).toBe('the pattern repeats too much');
    expect(fault(matches('a'.repeat(257)))).toBe('the pattern is longer than 256 characters');
  });

  test('is refused for all its patterns together', () => {
    const matches = (count: number) =>
      Array.from({ length: count }, (_, at) => `identity.pod.matches("^reporter-${at}$")`).join(' || ');
    expect(fault(matches(10))).toBe('ok');
    expect(fault(matches(60))).toMatch(/^may take [0-9]+ steps/);
  });

  test('is an error where a list or a text of the token is longer than was reckoned with', () => {
    expect(say('identity.claims.l.all(x, x == 1)', 100)).toBe('true');
    expect(say('identity.claims.l.all(x, x == 1)', 101)).toBe('error');
    expect(say('identity.claims.s.matches("^(a+)+$")', 1024)).toBe('true');
    expect(say('identity.claims.s.matches("^(a+)+$")', 1025)).toBe('error');
  });
});

describe('the size of a pattern, found without compiling it', () => {
  test.each([
    ['abc', 3],
    ['a{3}', 3],
    ['a{2,5}b', 6],
    ['(ab){10}', 30],
    ['((a{10}){10}){10}', 1110],
    ['[a-z(){}]{4}', 4],
    ['[^]a]{2}', 2],
    ['\\({3}', 3],
    ['a{0}', 1],
    ['(((', 3],
    ['a)b', 3],
  ])('%s is %i', (pattern, size) => {
    expect(patternSize(pattern)).toBe(size);
  });
});
