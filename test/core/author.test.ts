import { describe, expect, test } from 'vitest';
import { authorFrom, isSamePerson } from '../../src/core/author.ts';

const alice = { issuer: 'https://idp.example.org', subject: 'alice', as: ['payments-editors'] };

describe('the author that the store says', () => {
  test('is read as it was written, limited or not', () => {
    expect(authorFrom(alice)).toEqual(alice);
    expect(authorFrom({ ...alice, scoped: true })).toEqual({ ...alice, scoped: true });
    const known = { ...alice, email: 'alice@example.org' };
    expect(authorFrom(known)).toEqual(known);
  });

  test('is nobody where nothing was kept, as before authors were', () => {
    expect(authorFrom(undefined)).toBeUndefined();
  });

  test.each([
    null,
    'alice',
    {},
    { ...alice, as: 'payments-editors' },
    { ...alice, as: [1] },
    { ...alice, scoped: 'yes' },
    { ...alice, subject: 7 },
  ])('is somebody limited whom no grant names where it cannot be read: %j', (value) => {
    expect(authorFrom(value)).toEqual({ issuer: '', subject: '', as: [], scoped: true });
  });
});

describe('two accounts', () => {
  const [one, other] = ['alice', 'a-2'].map((subject) => ({ issuer: 'https://idp.example.org', subject }));
  if (one === undefined || other === undefined) throw new Error('two accounts');

  test('are one person where they are the same, and where both have one address, whatever its case and the issuer', () => {
    expect(isSamePerson(one, { ...one, email: 'alice@example.org' })).toBe(true);
    const elsewhere = { ...other, issuer: 'https://other.example.org', email: 'Alice@EXAMPLE.org' };
    expect(isSamePerson({ ...one, email: 'alice@example.org' }, elsewhere)).toBe(true);
  });

  test('are two people where one has no address, both have none, or another', () => {
    const known = { ...one, email: 'alice@example.org' };
    expect(isSamePerson(known, other)).toBe(false);
    expect(isSamePerson(other, known)).toBe(false);
    expect(isSamePerson(one, other)).toBe(false);
    expect(isSamePerson(known, { ...other, email: 'bob@example.org' })).toBe(false);
    expect(isSamePerson(one, { ...one, issuer: 'https://other.example.org' })).toBe(false);
  });
});
