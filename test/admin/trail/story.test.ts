import { describe, expect, test } from 'vitest';
import { story } from '../../../src/admin/trail/story.ts';
import { recordOf } from './records.ts';

const CREDENTIAL = { id: 'ASIA1', expiresAt: 1_795_003_607 };

describe('the story of a trace', () => {
  test('of a refusal says who asked for what, which mapping refused, and the truth behind the reason', () => {
    expect(story([recordOf('refused')])).toEqual([
      'At 2026-11-27T08:00:00.000Z payments/reports of eu-1, pod reports-7d9, asked for mesh. Mapping mesh selected it and refused, which the caller was told as guardrail: two-hours-at-most.',
    ]);
  });

  test('of a refusal of which the caller was told nothing says that', () => {
    const refused = { mapping: undefined, reason: undefined, error: 'target_refused' as const };
    const [line] = story([recordOf('refused', { ...refused, detail: 'no mapping at this address' })]);
    expect(line).toContain('It was refused, and the caller was not told why: no mapping at this address.');
  });

  test('of a refusal by a limit says which', () => {
    const limited = { mapping: undefined, reason: undefined, error: 'rate_limited' as const, detail: 'asks too often' };
    expect(story([recordOf('refused', limited)])[0]).toContain('It was refused (rate_limited): asks too often.');
  });

  test('of what was issued names the credential, its end and the request at the cloud', () => {
    const issued = recordOf('issued', { credential: CREDENTIAL, upstream: { requestId: 'r-1' } });
    expect(story([recordOf('allowed'), issued])).toEqual([
      expect.stringContaining('Mapping mesh allowed it: billing.internal for 300 s.'),
      `Credential ASIA1 was issued, good until ${new Date(1_795_003_607_000).toISOString()}, request r-1 at the target.`,
    ]);
  });

  test('of what was allowed and has no end says so, and of what failed what the matter was', () => {
    expect(story([recordOf('allowed')]).at(-1)).toMatch(/tells no outcome/);
    const failed = recordOf('failed', { error: 'target_unavailable', detail: 'breaker open' });
    expect(story([recordOf('allowed'), failed]).at(-1)).toContain('(target_unavailable): breaker open.');
  });

  test('has what shadows would have done', () => {
    const beside = [{ mode: 'shadow' as const, outcome: 'refused' as const, mapping: 'tight', detail: 'false' }];
    expect(story([recordOf('refused', { beside })]).at(-1)).toBe(
      'Beside it, mapping tight (shadow) would have refused it: false.',
    );
  });

  test('of a change says who did what, or was refused', () => {
    const by = { issuer: 'https://idp.example.org', subject: 'alice' };
    const admin = { by, action: 'put' as const, kind: 'FederationMapping', name: 'mesh' };
    const change = (outcome: string, detail?: string) =>
      story([{ ...recordOf('allowed', { outcome, detail, admin }), type: 'changed' }])[0];
    expect(change('admin')).toContain('alice of https://idp.example.org did: put FederationMapping mesh.');
    expect(change('admin-refused', 'forbidden')).toContain('was refused (forbidden): put FederationMapping mesh.');
  });
});
