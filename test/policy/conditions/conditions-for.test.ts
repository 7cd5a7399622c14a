import { describe, expect, test } from 'vitest';
import { conditionsFor, NO_CONDITIONS } from '../../../src/policy/conditions/conditions-for.ts';
import { cluster, guardrail, svidMapping } from '../../support/policy-builders.ts';

const TEXT = 'identity.pod == "a"';
const withWhen = svidMapping('m', { when: TEXT });

describe('the language of conditions', () => {
  test('is loaded for documents that have a condition, and for no others', async () => {
    const without = [cluster('prod-eu'), svidMapping('m'), guardrail('stop', { deny: 'true' })];
    expect(await conditionsFor(without)).toBe(NO_CONDITIONS);
    expect(NO_CONDITIONS.compile('true')).toMatchObject({ ok: false });
    for (const one of [withWhen, guardrail('g', { deny: TEXT })]) {
      expect((await conditionsFor([...without, one])).compile(TEXT)).toMatchObject({ ok: true });
    }
  });

  test('compiles a text once, also over readings of the resources, and forgets what is no longer asked', async () => {
    const first = await conditionsFor([withWhen]);
    const compiled = first.compile(TEXT);
    expect(first.compile(TEXT)).toBe(compiled);
    expect(first.compile(`${TEXT} `)).not.toBe(compiled);
    const second = await conditionsFor([withWhen], first);
    expect(second.compile(TEXT)).toBe(compiled);
    const unused = await conditionsFor([withWhen], second);
    const later = await conditionsFor([withWhen], unused);
    expect(later.compile(TEXT)).not.toBe(compiled);
    expect(later.compile(TEXT)).toEqual(compiled.ok ? { ok: true, condition: expect.anything() } : undefined);
  });
});
