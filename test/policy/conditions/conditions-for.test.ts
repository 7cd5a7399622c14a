import { describe, expect, test } from 'vitest';
import type { Conditions } from '../../../src/policy/conditions/condition.ts';
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

  test('compiles what is new one at a time, so that requests are served in between, and what is known at once', async () => {
    const documents = Array.from({ length: 40 }, (_, at) =>
      svidMapping(`m${at}`, { when: `identity.pod == "p${at}"` }),
    );
    const turnsOf = async (work: () => Promise<Conditions>) => {
      let turns = 0;
      let next = setImmediate(function count() {
        turns += 1;
        next = setImmediate(count);
      });
      const conditions = await work();
      clearImmediate(next);
      return { turns, conditions };
    };
    const language = await conditionsFor([withWhen]);
    const first = await turnsOf(() => conditionsFor(documents, language));
    expect(first.turns).toBeGreaterThanOrEqual(39);
    const again = await turnsOf(() => conditionsFor(documents, first.conditions));
    expect(again.turns).toBeLessThan(5);
  });
});
