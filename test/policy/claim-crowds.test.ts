import { describe, expect, test } from 'vitest';
import { MAX_CLAIM_SHAPES } from '../../src/policy/claim-crowds.ts';
import type { Document } from '../../src/resources/document.ts';
import { answer, ask, awsMapping, ci, ciJob, compiled } from '../support/policy-builders.ts';

/** Each asks for the id of its own and for one more claim that no other asks for, so none ties with another. */
function oneOf(number: number, claims: object = { id: `${number}`, [`only-${number}`]: '*' }): Document {
  return awsMapping(`m-${number}`, {
    subject: { issuer: 'github', claims },
    addresses: ['deploy'],
    ttl: { outliveSubject: true },
    target: { aws: { roleArn: `arn:aws:iam::123456789012:role/r-${number}`, region: 'eu-west-1' } },
  });
}
const many = (count: number, from = 0) => Array.from({ length: count }, (_, at) => oneOf(from + at));
const seenIn = (documents: readonly Document[], revision: number) =>
  Object.fromEntries(documents.map(({ name }) => [name, revision]));
const job = (number: number) => ciJob({ id: `${number}`, [`only-${number}`]: 'x', more: 'y' });

function faultyNames(documents: readonly Document[], seen: Readonly<Record<string, number>> = {}): readonly string[] {
  const { faults } = compiled([ci('github'), ...documents], { seen });
  return faults.filter(({ field }) => field === 'spec.subject.claims').map(({ name }) => name ?? '');
}

describe('different sets of claim names at one address', () => {
  test(`may be ${MAX_CLAIM_SHAPES}, with any number of mappings that share one`, () => {
    const sharing = Array.from({ length: 50 }, (_, at) => oneOf(1_000 + at, { id: `x${at}`, 'only-0': '*' }));
    const documents = [...many(MAX_CLAIM_SHAPES), ...sharing];
    expect(faultyNames(documents)).toEqual([]);
    expect(answer(compiled([ci('github'), ...documents]).snapshot, job(5), ask('deploy'))).toBe('allowed m-5');
  });

  test('beyond that take out all that one revision brought, so that none is chosen by its name', () => {
    const documents = many(MAX_CLAIM_SHAPES + 1);
    expect(faultyNames(documents)).toHaveLength(MAX_CLAIM_SHAPES + 1);
    expect(faultyNames(documents.toReversed())).toHaveLength(MAX_CLAIM_SHAPES + 1);
    const { snapshot } = compiled([ci('github'), ...documents]);
    expect(answer(snapshot, job(5), ask('deploy'))).toBe('target_refused');
  });

  test('take nothing from those that were there first', () => {
    const first = many(MAX_CLAIM_SHAPES);
    const later = oneOf(MAX_CLAIM_SHAPES);
    const sharing = oneOf(500, { id: 'z', 'only-0': '*' });
    const documents = [later, sharing, ...first];
    const seen = { ...seenIn(first, 1), ...seenIn([later, sharing], 2) };
    expect(faultyNames(documents, seen)).toEqual([later.name]);
    const { snapshot } = compiled([ci('github'), ...documents], { seen });
    expect(answer(snapshot, job(5), ask('deploy'))).toBe('allowed m-5');
    expect(answer(snapshot, job(MAX_CLAIM_SHAPES), ask('deploy'))).toBe('target_refused');
    expect(answer(snapshot, ciJob({ id: 'z', 'only-0': 'x' }), ask('deploy'))).toBe('allowed m-500');
  });

  test('are examined once each, however many mappings there are', () => {
    const documents = Array.from({ length: 3_000 }, (_, at) =>
      oneOf(at, { id: `${at}`, [`only-${at % MAX_CLAIM_SHAPES}`]: '*' }),
    );
    const { snapshot } = compiled([ci('github'), ...documents]);
    const all = Object.fromEntries(many(MAX_CLAIM_SHAPES).map((_, at) => [`only-${at}`, 'x']));
    const { examined } = snapshot.mappings.candidates(ciJob({ ...all, id: '5' }), 'deploy');
    expect(examined).toBeLessThanOrEqual(1 + 3 * MAX_CLAIM_SHAPES);
  });
});
