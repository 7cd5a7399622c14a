import { describe, expect, test } from 'vitest';
import { recordedAsk, recordedIdentity } from '../../../src/admin/trail/recorded-request.ts';
import { toBody } from '../../../src/audit/events.ts';
import type { AuditRecord } from '../../../src/audit/record.ts';
import type { KubernetesIdentity, VerifiedIdentity } from '../../../src/core/identity.ts';
import { TokenType } from '../../../src/core/token-types.ts';
import { event, oidcIdentity, podIdentity } from '../../audit/audit-records.ts';

/** As it is read back. */
function recorded(identity: VerifiedIdentity, more: Partial<AuditRecord> = {}): AuditRecord {
  const place = { v: 1, stream: 'a', seq: 1, at: '2026-11-27T08:00:00.000Z', prev: '', hash: '' };
  return JSON.parse(JSON.stringify({ ...place, ...toBody(event('allowed', 'trace', identity)), ...more }));
}

describe('a recorded identity', () => {
  const { pod: _, node: __, spiffeId: ___, ...bare } = podIdentity;
  const unbound: KubernetesIdentity = { ...bare, binding: 'none', liveness: 'reviewed' };

  test.each<[string, VerifiedIdentity]>([
    ['a pod', podIdentity],
    ['a token that is bound to nothing', unbound],
    ['a token of a CI job', oidcIdentity({ sub: 'repo:acme/app', groups: ['a'] })],
  ])('of %s is what policy decided on', (_kind, identity) => {
    expect(recordedIdentity(recorded(identity))).toEqual(identity);
  });

  test('of a record from before reviews was not asked about', () => {
    const { identity } = recorded(podIdentity);
    const older = recorded(podIdentity, { identity: identity && { ...identity, liveness: undefined } });
    expect(recordedIdentity(older)).toMatchObject({ liveness: 'not_asked' });
  });

  test('is none where what decided may have been cut, or another version wrote a kind that this one does not know', () => {
    expect(recordedIdentity(recorded(podIdentity, { truncated: ['claims'] }))).toBeUndefined();
    const { identity } = recorded(podIdentity);
    expect(recordedIdentity(recorded(podIdentity, { identity: identity && { ...identity, kind: 'spiffe' } }))).toBe(
      undefined,
    );
    expect(recordedIdentity(recorded(podIdentity, { identity: undefined }))).toBeUndefined();
  });
});

describe('a recorded request', () => {
  test('asks what was asked', () => {
    const request = { addresses: ['ledger'], type: TokenType.jwtSvid, scope: 'a b', ttl: 60 };
    expect(recordedAsk(recorded(podIdentity, { request }))).toEqual({
      address: 'ledger',
      requestedTokenType: TokenType.jwtSvid,
      scopes: ['a', 'b'],
      ttlSeconds: 60,
    });
    expect(recordedAsk(recorded(podIdentity))).toEqual({ address: 'mesh', scopes: [] });
  });

  test('is none where no address is on record', () => {
    expect(recordedAsk(recorded(podIdentity, { request: undefined }))).toBeUndefined();
    expect(recordedAsk(recorded(podIdentity, { request: { addresses: [] } }))).toBeUndefined();
  });
});
