import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decide } from '../../src/policy/decide.ts';
import { readDocuments } from '../../src/resources/read-documents.ts';
import {
  answer,
  ask,
  ciJob,
  compiled,
  guardrail,
  NOW,
  ROLE,
  unboundWorkload,
  workload,
} from '../support/policy-builders.ts';

const FOLDER = join(import.meta.dirname, '../fixtures/contract/resources');
const DOCUMENTS = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.yaml'))
  .flatMap((file) => {
    const text = readFileSync(join(FOLDER, file), 'utf8');
    const reading = readDocuments(text, { id: file, baseDirectory: FOLDER }, { development: true, now: NOW });
    expect(reading.faults).toEqual([]);
    return reading.documents;
  });
const { snapshot, faults, refused, accepted } = compiled(DOCUMENTS);
const DEPLOY = ciJob({ repository_id: '987654', environment: 'production' });
const UPLOADER = workload({ issuer: 'edge-7', namespace: 'sensors', serviceAccount: 'uploader' });

describe('the contract', () => {
  test('loads without an error and is good as a whole', () => {
    expect(faults.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(refused).toEqual([]);
    expect(accepted).toHaveLength(DOCUMENTS.length);
    expect([...snapshot.issuers.byName.keys()].sort()).toEqual(['edge-7', 'edge-8', 'github', 'prod-eu']);
  });

  test('waits for nothing that is not built', () => {
    expect(faults).toEqual([]);
  });

  test('mesh gives every workload of prod-eu an SVID for the audience it asks, five minutes long', () => {
    for (const address of ['ledger', 'https://vault.example.org']) {
      const decision = decide(snapshot, workload({ namespace: 'any', serviceAccount: 'one' }), ask(address), NOW);
      expect(decision).toMatchObject({
        outcome: 'allowed',
        grant: { kind: 'jwtSvid', audience: address, ttlSeconds: 300 },
      });
    }
  });

  test('mesh has two audiences, so its name names none', () => {
    expect(answer(snapshot, workload(), ask('mesh'))).toBe('target_refused');
  });

  test('mesh is for prod-eu alone, and for pods alone where production asks for it', () => {
    expect(answer(snapshot, UPLOADER, ask('ledger'))).toBe('target_refused');
    expect(answer(snapshot, unboundWorkload(), ask('ledger'))).toBe('target_denied guardrail');
  });

  test('deploy gives the one repository in the one environment fifteen minutes, past the end of its token', () => {
    expect(decide(snapshot, DEPLOY, ask('deploy'), NOW)).toMatchObject({
      outcome: 'allowed',
      grant: { kind: 'aws', roleArn: 'arn:aws:iam::123456789012:role/deploy', ttlSeconds: 900, sessionName: 'deploy' },
    });
    expect(decide(snapshot, DEPLOY, ask('deploy', { ttlSeconds: 7200 }), NOW)).toMatchObject({
      grant: { ttlSeconds: 1800 },
    });
    expect(answer(snapshot, ciJob({ repository_id: '987654', environment: 'staging' }), ask('deploy'))).toBe(
      'target_refused',
    );
    expect(answer(snapshot, ciJob({ repository_id: '987655', environment: 'production' }), ask('deploy'))).toBe(
      'target_refused',
    );
  });

  test('payments-reports is for pods in production, by name and by role, and nobody else learns of it', () => {
    for (const address of ['payments-reports', ROLE]) {
      expect(answer(snapshot, workload(), ask(address))).toBe('allowed payments-reports');
      expect(answer(snapshot, workload({ namespace: 'x' }), ask(address))).toBe('target_refused');
    }
    const labelled = (env: string) =>
      compiled(DOCUMENTS.map((one) => (one.name === 'prod-eu' ? { ...one, labels: { env } } : one))).snapshot;
    expect(answer(labelled('prod'), workload(), ask(ROLE))).toBe('allowed payments-reports');
    expect(answer(labelled('test'), workload(), ask(ROLE))).toBe('target_denied condition_not_met');
  });

  test('payments-reports is narrowed to its one prefix', () => {
    const decision = decide(snapshot, workload(), ask(ROLE), NOW);
    expect(decision).toMatchObject({
      outcome: 'allowed',
      grant: {
        kind: 'aws',
        sessionName: 'payments.reporter',
        tags: { cluster: 'prod-eu' },
        enforcedBy: ['session-policy'],
        policy:
          '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":"arn:aws:s3:::reports/2026/*"}]}',
      },
    });
  });

  test.each(['payments-archive', 'archive'])(
    '%s gives every production cluster one account, bounded to one bucket',
    (address) => {
      expect(decide(snapshot, workload({ serviceAccount: 'anyone' }), ask(address), NOW)).toMatchObject({
        outcome: 'allowed',
        mapping: 'payments-archive',
        grant: {
          kind: 'gcp',
          serviceAccount: 'archive@acme.iam.gserviceaccount.com',
          scopes: ['https://www.googleapis.com/auth/devstorage.read_only'],
          ttlSeconds: 3600,
          enforcedBy: ['credential-access-boundary'],
          accessBoundary: expect.stringContaining('//storage.googleapis.com/projects/_/buckets/archive'),
        },
      });
      expect(answer(snapshot, workload({ namespace: 'x' }), ask(address))).toBe('target_refused');
      expect(answer(snapshot, UPLOADER, ask(address))).toBe('target_refused');
    },
  );

  test('edge-blob is neither narrowed nor made shorter, which its owner accepts, below the ceiling of two hours', () => {
    expect(decide(snapshot, UPLOADER, ask('edge-blob'), NOW)).toMatchObject({
      outcome: 'allowed',
      grant: {
        kind: 'azure',
        scope: 'https://storage.azure.com/.default',
        assertionAudience: 'api://AzureADTokenExchange',
        enforcedBy: ['none'],
        ttlSeconds: 3600,
        ttlCeilingSeconds: 7200,
      },
    });
  });

  test.each(['intents', 'ttl'])(
    'edge-blob refuses when its owner does not accept that %s stay as they are',
    (residue) => {
      const blob = DOCUMENTS.find(({ name }) => name === 'edge-blob');
      if (!blob?.valid || blob.kind !== 'FederationMapping') throw new Error('edge-blob is not a mapping');
      const accept = (['intents', 'ttl'] as const).filter((one) => one !== residue);
      const spec = { ...blob.spec, residual: { accept, reason: 'x' } };
      const others = DOCUMENTS.filter((one) => one !== blob);
      expect(answer(compiled([...others, { ...blob, spec }]).snapshot, UPLOADER, ask('edge-blob'))).toBe(
        `target_denied ${residue === 'ttl' ? 'ttl_below_target_minimum' : 'intents_not_enforceable'}`,
      );
    },
  );

  test.each([
    ['21:59:59', 'allowed edge-role'],
    ['22:00:00', 'target_denied guardrail'],
    ['04:59:59', 'target_denied guardrail'],
    ['05:00:00', 'allowed edge-role'],
  ])('the guardrail of the night at %s leaves the edge its cloud or not: %s', (time, expected) => {
    const edgeRole = {
      ...DOCUMENTS.find(({ name }) => name === 'deploy'),
      name: 'edge-role',
    } as (typeof DOCUMENTS)[number];
    if (!edgeRole.valid || edgeRole.kind !== 'FederationMapping') throw new Error('deploy is not a mapping');
    const subject = { issuer: 'edge-7', namespace: 'sensors', serviceAccount: 'uploader' };
    const target = { aws: { roleArn: 'arn:aws:iam::123456789012:role/edge', region: 'eu-west-1' } };
    const role = { ...edgeRole, spec: { ...edgeRole.spec, subject, target } };
    const now = Date.parse(`2026-11-22T${time}Z`);
    const uploader = { ...UPLOADER, issuedAt: now / 1000, expiresAt: now / 1000 + 3600 };
    expect(answer(compiled([...DOCUMENTS, role]).snapshot, uploader, ask('edge-role'), now)).toBe(expected);
    expect(answer(snapshot, uploader, ask('edge-blob'), now)).toBe('allowed edge-blob');
  });

  test('an emergency stop as its comment writes it stops one workload at one issuer', () => {
    const match = { issuers: ['prod-eu'], namespace: 'payments', serviceAccount: 'reporter' };
    const stopped = compiled([
      ...DOCUMENTS,
      guardrail('stop-inc-42', { match, deny: 'true', message: 'INC-42' }),
    ]).snapshot;
    expect(answer(stopped, workload(), ask('ledger'))).toBe('target_denied guardrail');
    expect(answer(stopped, workload({ serviceAccount: 'other' }), ask('ledger'))).toBe('allowed mesh');
    expect(answer(stopped, DEPLOY, ask('deploy'))).toBe('allowed deploy');
  });
});
