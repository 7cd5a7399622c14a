import { describe, expect, test } from 'vitest';
import { CelConditions } from '../../../src/policy/conditions/cel-conditions.ts';

/** The first fault of a text with its offset, or that it has none. */
function told(text: string): string {
  const compiled = new CelConditions().compile(text);
  if (compiled.ok) return 'ok';
  const { offset, message, hint } = compiled.faults[0];
  return `${offset}: ${message}${hint === undefined ? '' : ` (${hint})`}`;
}

const NO_LITERAL = 'must be written out as a text (it is checked when it is loaded)';

describe('the check of a condition when it is loaded (DESIGN section 6)', () => {
  test.each([
    ['identity.issuer == issuer.name'],
    ['identity.kind == "kubernetes" && identity.cluster != ""'],
    ['identity.pod != "" && identity.node == "" && identity.uid != "" && identity.liveness == "reviewed"'],
    ['identity.spiffeId.startsWith("spiffe://example.org/")'],
    ['identity.claims.ref == "refs/heads/main"'],
    ['"env" in issuer.labels && issuer.labels["env"] == "prod"'],
    ['request.time < timestamp("2027-01-31T00:00:00Z") && request.ttl <= duration("1h") && request.scope == ""'],
    ['target.kind in ["aws", "gcp"] || target.id == ""'],
  ])('knows every variable with its type: %s', (text) => {
    expect(told(text)).toBe('ok');
  });

  test.each([
    ['identiti.pod == ""', '0: there is no variable identiti (did you mean identity?)'],
    ['identity.podd == ""', '9: has no field podd (did you mean pod?)'],
    ['identity.namespace.startWith("a")', '18: there is no function startWith() (did you mean startsWith?)'],
    ['identity\n  .podd == ""', '12: has no field podd (did you mean pod?)'],
  ])('says where and what was meant: %s', (text, fault) => {
    expect(told(text)).toBe(fault);
  });

  test.each([
    ['identity.namespace', '9: must be true or false, and is string'],
    [
      'identity.claims.admin',
      '16: must be true or false, and is dyn (a claim may be of any type: compare it with a value)',
    ],
    ['request.ttl <= 3600', '12: <= cannot be used with duration and int'],
    ['identity.namespace == 1', '19: == cannot be used with string and int'],
    ['!identity.pod', '0: ! cannot be used with string'],
    ['identity.pod && true', '9: && needs what is true or false, and has string'],
    ['identity == identity', '8: == cannot be used with a variable of Carnet and a variable of Carnet'],
    ['identity["pod"] == ""', '8: [] cannot be used with a variable of Carnet and string'],
    ['identity.pod.name == ""', '13: string has no fields'],
    ['1 in identity.pod', '1: in cannot be used with int and string'],
    ['identity.pod.exists(x, x == "")', '13: exists() needs a list or a map, and has string'],
    ['[1].all(x, x)', '11: all() needs a test that is true or false, and has int'],
    ['[1, "a"] == []', '4: stands beside int and is string'],
    ['9223372036854775808 == 1', '0: is not an integer of 64 bits'],
    ['request.time - request.time == duration("0s")', '13: - cannot be used with timestamp and timestamp'],
  ])('refuses what could only be an error, or no answer: %s', (text, fault) => {
    expect(told(text)).toBe(fault);
  });

  test.each([
    ['has(identity.pod)', '0: has(): pod is always there (a text that the identity lacks is "")'],
    ['dyn(1) == 1', '0: there is no function dyn()'],
    ['identity.claims.groups.map(x, x) == []', '23: there is no function map()'],
    ['A{b: 1} == 1', '0: there is no type A'],
    ['identity.pod.matches(identity.node)', `30: the pattern ${NO_LITERAL}`],
    ['timestamp(identity.pod) < request.time', `19: the timestamp ${NO_LITERAL}`],
    ['request.time.getHours(identity.pod) == 1', `31: the zone ${NO_LITERAL}`],
    ['identity.pod.matches("(")', '21: is not a pattern of RE2'],
    ['identity.pod.matches("(?=a)")', '21: is not a pattern of RE2'],
    ['duration("1 h") < request.ttl', '9: is not a duration, such as 90s or 1h30m'],
    ['timestamp("2027-02") < request.time', '10: is not a moment, such as 2027-01-31T00:00:00Z'],
    ['request.time.getHours("Mars/Base") == 1', '22: is not a zone, such as UTC, +02:00 or Europe/Zurich'],
  ])('offers a closed list, and checks what is written out: %s', (text, fault) => {
    expect(told(text).startsWith(fault), told(text)).toBe(true);
  });

  test.each([
    ['identity.namespace ==', 'cannot be read on from "="'],
    ['(identity.namespace == ""', 'ends too early'],
    ['"\\ud800" == ""', 'cannot be read on'],
    ['', 'ends too early'],
  ])('refuses what is no expression: %s', (text, fault) => {
    expect(told(text)).toContain(fault);
  });

  test('tells of every mistake once', () => {
    const compiled = new CelConditions().compile('identity.a == identity.b && foo(nobody) && identity.pod');
    expect(compiled.ok ? [] : compiled.faults.map(({ offset }) => offset)).toEqual([9, 23, 32, 28, 52]);
  });

  test('sees a macro’s own variable only inside it, also where it hides another', () => {
    expect(told('identity.claims.exists(identity, identity == "sub")')).toBe('ok');
    expect(told('[1].exists(x, x == 1) && x == 1')).toBe(
      '25: there is no variable x (there are identity, issuer, request, target)',
    );
  });
});
