import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { cutOff } from '../../../src/admin/trail/cut-off.ts';
import { iamAllows } from '../../support/iam-evaluator.ts';
import { NOW } from './records.ts';

const grant = (kind: string, target: string, more: { session?: string; deliver?: string } = {}) => ({
  kind,
  target,
  deliver: 'credentials',
  ...more,
});

/** The words that a shell makes of a command. */
function words(command = ''): readonly string[] {
  return execFileSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' })
    .trimEnd()
    .split('\n');
}

describe('how a credential is cut off at its cloud', () => {
  test('AWS denies the sessions of one source identity that began before now, and no later ones', () => {
    const role = 'arn:aws:iam::111122223333:role/team/reports';
    const { command, note } = cutOff(grant('aws', role, { session: 'payments.reports' }), NOW);
    const parts = words(command);
    expect(parts.slice(0, 7)).toEqual([
      'aws',
      'iam',
      'put-role-policy',
      '--role-name',
      'reports',
      '--policy-name',
      'carnet-stop-payments.reports',
    ]);
    expect(JSON.parse(parts[8] ?? '').Statement).toEqual([
      {
        Effect: 'Deny',
        Action: '*',
        Resource: '*',
        Condition: {
          StringEquals: { 'aws:SourceIdentity': 'payments.reports' },
          DateLessThan: { 'aws:TokenIssueTime': '2026-11-27T08:00:01Z' },
        },
      },
    ]);
    expect(note).toContain('111122223333');
  });

  test('what AWS then denies is every call of the sessions that are meant, of the second that is under way too', () => {
    const { command } = cutOff(grant('aws', 'arn:aws:iam::1:role/reports', { session: 'payments.reports' }), NOW + 900);
    const [denied] = JSON.parse(words(command)[8] ?? '').Statement;
    const policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }, denied],
    });
    const may = (source: string, at: string) => {
      const context = { 'aws:SourceIdentity': source, 'aws:TokenIssueTime': at };
      return iamAllows(policy, { action: 's3:GetObject', resource: 'arn:aws:s3:::bucket/key', context });
    };
    expect(may('payments.reports', '2026-11-26T20:00:00Z')).toBe(false);
    expect(may('payments.reports', '2026-11-27T08:00:00Z')).toBe(false);
    expect(may('payments.reports', '2026-11-27T08:00:01Z')).toBe(true);
    expect(may('payments.clerk', '2026-11-27T08:00:00Z')).toBe(true);
  });

  test('AWS denies all earlier sessions of the role where no session is on record', () => {
    const { command } = cutOff(grant('aws', 'arn:aws:iam::111122223333:role/reports'), NOW);
    expect(command).not.toContain('SourceIdentity');
    expect(command).toContain('aws:TokenIssueTime');
  });

  test.each([
    ['gcp', 'reports@acme.iam.gserviceaccount.com', 'gcloud iam service-accounts disable reports@acme'],
    [
      'gcp',
      '//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/carnet/providers/carnet',
      'gcloud iam workload-identity-pools update carnet --location=global --project=42 --disabled',
    ],
    ['azure', '11111111-2222', 'az ad app federated-credential list --id 11111111-2222'],
  ])('%s: %s by its own command, and the note says that the token cannot be revoked', (kind, target, command) => {
    const found = cutOff(grant(kind, target), NOW);
    expect(found.command).toContain(command);
    expect(found.note).toMatch(/cannot be revoked/);
  });

  test.each([
    ['jwtSvid', 'ledger', /cannot be revoked/],
    ['oauth', 'https://as.example.org', /RFC 7009/],
    ['later', 'x', /lives to its end/],
  ])('%s has no command, and the note says why', (kind, target, note) => {
    expect(cutOff(grant(kind, target), NOW)).toEqual({ note: expect.stringMatching(note) });
  });

  test('of an assertion the note says that what it opened is not known', () => {
    const { note } = cutOff(grant('aws', 'arn:aws:iam::1:role/a', { deliver: 'assertion' }), NOW);
    expect(note).toContain('assertion');
  });

  test('whatever a record holds is one word for a shell', () => {
    const target = "x'; rm -rf / #";
    expect(words(cutOff(grant('azure', target), NOW).command).at(-1)).toBe(target);
  });
});
