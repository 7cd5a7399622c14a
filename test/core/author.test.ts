import { describe, expect, test } from 'vitest';
import { authorFrom } from '../../src/core/author.ts';

const alice = { issuer: 'https://idp.example.org', subject: 'alice', as: ['payments-editors'] };

describe('the author that the store says', () => {
  test('is read as it was written, limited or not', () => {
    expect(authorFrom(alice)).toEqual(alice);
    expect(authorFrom({ ...alice, scoped: true })).toEqual({ ...alice, scoped: true });
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
