import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { CelConditions } from '../../../src/policy/conditions/cel-conditions.ts';
import type { Answer, Attributes } from '../../../src/policy/conditions/condition.ts';
import { ATTRIBUTES } from '../../support/attributes.ts';

const conditions = new CelConditions();

function answer(text: string, attributes: Attributes = ATTRIBUTES): Answer {
  const compiled = conditions.compile(text);
  if (!compiled.ok) throw new Error(compiled.faults[0].message);
  return compiled.condition.ask(attributes);
}

const say = (text: string, attributes?: Attributes) => answer(text, attributes).kind;
const withClaims = (claims: JsonObject): Attributes => ({
  ...ATTRIBUTES,
  identity: { ...ATTRIBUTES.identity, kind: 'oidc', claims },
});
const at = (time: string): Attributes => ({
  ...ATTRIBUTES,
  request: { ...ATTRIBUTES.request, time: Date.parse(time) },
});

/** As the strict reader gives objects: without a prototype, and with any name. */
function bare(members: readonly (readonly [string, JsonObject[string]])[]): JsonObject {
  const object = Object.create(null);
  for (const [name, value] of members) Object.defineProperty(object, name, { value, enumerable: true });
  return object;
}

describe('a condition', () => {
  test.each([
    ['identity.pod != "" && issuer.labels.env == "prod"', 'true'],
    ['identity.pod == "" || issuer.labels.env != "prod"', 'false'],
    ['identity.node == ""', 'true'],
    ['request.ttl == duration("1h")', 'true'],
    ['request.ttl < duration("1h")', 'false'],
    ['target.kind == "aws" && target.id.endsWith(":role/reports")', 'true'],
    ['target.kind in ["gcp", "azure"]', 'false'],
  ])('says what its attributes are: %s is %s', (text, expected) => {
    expect(say(text)).toBe(expected);
  });

  test.each([
    ['issuer.labels.team == "a"', 'field not found: team'],
    ['identity.claims.sub == "a"', 'field not found: sub'],
    ['identity.claims.sub.startsWith("a")', 'field not found: sub'],
    ['1 / 0 == 1', 'int divide by zero'],
  ])('is an error where an attribute is missing or a value cannot be: %s', (text, error) => {
    expect(answer(text)).toMatchObject({ kind: 'error', error });
  });

  test('is an error, not false, where a claim is of another type than it is used as', () => {
    for (const claim of [1, null, ['main'], { name: 'main' }, true]) {
      expect(say('identity.claims.ref.startsWith("main")', withClaims({ ref: claim }))).toBe('error');
    }
    expect(say('identity.claims.ref.startsWith("main")', withClaims({ ref: 'main' }))).toBe('true');
  });

  test('reads claims of any shape, and takes one that is null for absent', () => {
    const claims = withClaims({ groups: ['dev', 'ops'], run: { attempt: 2 }, number: '7', gone: null });
    expect(say('"ops" in identity.claims.groups', claims)).toBe('true');
    expect(say('identity.claims.groups.exists(g, g.startsWith("adm"))', claims)).toBe('false');
    expect(say('identity.claims.run.attempt == 2', claims)).toBe('true');
    expect(say('int(identity.claims.number) < 8', claims)).toBe('true');
    expect(say('has(identity.claims.gone)', claims)).toBe('false');
    expect(say('identity.claims.gone == null', claims)).toBe('error');
  });

  test('finds only what the token holds: not what JavaScript has under a name', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'valueOf', 'size', 'get']) {
      expect(say(`has(identity.claims.${name})`, withClaims({}))).toBe('false');
      expect(say(`identity.claims["${name}"] == "x"`, withClaims({}))).toBe('error');
      expect(say(`issuer.labels["${name}"] == "x"`)).toBe('error');
      expect(say(`identity.claims.${name} == "x"`, withClaims(bare([[name, 'x']])))).toBe('true');
    }
  });

  test('reads numbers in texts strictly: an absent text is no zero', () => {
    for (const text of ['', ' 7', '0x7', '7.0', '+7', '07', '9223372036854775808', '1e1']) {
      expect(say('int(identity.claims.number) >= 0', withClaims({ number: text })), text).toBe('error');
    }
    expect(say('int(identity.claims.number) == -7', withClaims({ number: '-7' }))).toBe('true');
  });

  test('reads the calendar in the zone it names and otherwise in UTC, wherever the process runs', () => {
    expect(say('request.time.getHours() == 2', at('2026-03-29T02:30:00Z'))).toBe('true');
    expect(say('request.time.getHours("UTC") == 2', at('2026-03-29T02:30:00Z'))).toBe('true');
    expect(say('request.time.getHours("Europe/Zurich") == 4', at('2026-03-29T02:30:00Z'))).toBe('true');
    expect(say('request.time.getHours("-02:30") == 0', at('2026-03-29T02:30:00Z'))).toBe('true');
    expect(say('request.time.getDayOfWeek() == 0', at('2026-11-22T23:59:59Z'))).toBe('true');
    expect(say('request.time.getDayOfWeek("Europe/Zurich") == 1', at('2026-11-22T23:59:59Z'))).toBe('true');
  });

  test('reads the calendar right in a process whose own zone has no such hour', () => {
    const [calendar, attributes] = ['src/policy/conditions/cel-conditions.ts', 'test/support/attributes.ts'].map(
      (file) => pathToFileURL(join(import.meta.dirname, '../../..', file)).href,
    );
    const program = `
      const { CelConditions } = await import('${calendar}');
      const { ATTRIBUTES } = await import('${attributes}');
      const time = Date.parse('2026-03-29T02:30:00Z');
      const { condition } = new CelConditions().compile('request.time.getHours() == 2');
      console.log(condition.ask({ ...ATTRIBUTES, request: { ...ATTRIBUTES.request, time } }).kind);`;
    const env = { PATH: process.env['PATH'], TZ: 'Europe/Zurich' };
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { env, encoding: 'utf8' });
    expect(said.trim()).toBe('true');
  });

  test('names what it read, cut to a length, for audit and explain', () => {
    expect(answer('identity.pod != "" && issuer.labels.team == "a"').values).toBe(
      'identity.pod = "reporter-0", issuer.labels.team is missing',
    );
    const long = withClaims({ sub: 'x'.repeat(1000), list: [1] });
    const { values } = answer('identity.claims.sub == "" || identity.claims.list == []', long);
    expect(values).toBe(`identity.claims.sub = "${'x'.repeat(63)}..., identity.claims.list = ...`);
    expect(answer('request.time > timestamp("2020-01-01T00:00:00Z") && request.ttl > duration("1s")').values).toBe(
      'request.time = 2026-11-22T09:00:00.000Z, request.ttl = 3600 s',
    );
  });
});
