import { describe, expect, test } from 'vitest';
import { type AuditFilter, matches, textsOf } from '../../../src/admin/trail/audit-filter.ts';
import { cursorOf, placesOf } from '../../../src/admin/trail/cursor.ts';
import { recordOf } from './records.ts';

const record = recordOf('refused', { credential: { id: 'ASIA"1', expiresAt: 1 } });

describe('a filter of records', () => {
  test.each<[AuditFilter, AuditFilter]>([
    [{ type: 'refused' }, { type: 'issued' }],
    [{ outcome: 'refused' }, { outcome: 'admin' }],
    [{ issuer: 'eu-1' }, { issuer: 'eu' }],
    [{ namespace: 'payments' }, { namespace: 'reports' }],
    [{ serviceAccount: 'reports' }, { serviceAccount: 'payments' }],
    [{ mapping: 'mesh' }, { mapping: 'mes' }],
    [{ trace: 'trace' }, { trace: 'refused' }],
    [{ reason: 'guardrail' }, { reason: 'inactive' }],
    [{ credential: 'ASIA"1' }, { credential: 'ASIA' }],
  ])('takes what is equal in %o and nothing else', (same, other) => {
    expect([matches(record, same), matches(record, other)]).toEqual([true, false]);
    expect(matches(record, { outcome: 'refused', ...other })).toBe(false);
  });

  test('takes a change of the mapping that it names', () => {
    const by = { issuer: 'i', subject: 's' };
    const changed = { ...recordOf('allowed', { mapping: undefined }), type: 'changed' as const };
    const admin = { by, action: 'put' as const, kind: 'FederationMapping', name: 'mesh' };
    expect(matches({ ...changed, admin }, { mapping: 'mesh' })).toBe(true);
    expect(matches({ ...changed, admin: { ...admin, kind: 'Guardrail' } }, { mapping: 'mesh' })).toBe(false);
  });

  test('names texts that the line of a record that matches holds, so that no such line is passed over', () => {
    const line = JSON.stringify(record);
    const whole = { issuer: 'eu-1', namespace: 'payments', mapping: 'mesh', trace: 'trace', credential: 'ASIA"1' };
    for (const text of textsOf(whole)) expect(line).toContain(text);
    expect(textsOf(whole)).toHaveLength(5);
    expect(textsOf({})).toEqual([]);
  });
});

describe('a cursor', () => {
  test('leads back to the places it was made of', () => {
    const places = { carnet: { segment: 1, offset: 4096 }, 'replica-0': { segment: 7, offset: 0 } };
    expect(placesOf(cursorOf(places))).toMatchObject(places);
  });

  test.each([
    '',
    'x',
    'bnVsbA',
    Buffer.from('[]').toString('base64url'),
    Buffer.from('[["carnet",1,-1]]').toString('base64url'),
    Buffer.from('[["carnet",1]]').toString('base64url'),
    'A'.repeat(10_000),
  ])('that is none is told apart: %#', (text) => {
    expect(placesOf(text)).toBeUndefined();
  });
});
