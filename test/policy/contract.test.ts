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

  test('says which features wait, each by name', () => {
    expect(faults.map(({ name, message }) => `${name}: ${message.split(' is not built')[0]}`).sort()).toEqual([
      'edge-blob: intents',
      'edge-blob: target.azure',
      'no-cloud-from-edge-at-night: conditions are not built yet: it denies all that it matches',
      'payments-archive: intents',
      'payments-archive: target.gcp',
      'payments-reports: intents',
      'payments-reports: when',
    ]);
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

  test('what waits for unbuilt features refuses whom it selects, by every address, and nobody else learns of it', () => {
    for (const address of ['payments-reports', ROLE, 'payments-archive', 'archive']) {
      expect(answer(snapshot, workload(), ask(address))).toBe('target_denied inactive');
      expect(answer(snapshot, workload({ namespace: 'x' }), ask(address))).toBe('target_refused');
    }
    expect(answer(snapshot, UPLOADER, ask('edge-blob'))).toBe('target_denied inactive');
  });

  test('the guardrail of the night denies the edge every cloud at any hour, and nothing else', () => {
    const matching = snapshot.guardrails.find(({ name }) => name === 'no-cloud-from-edge-at-night');
    expect(matching).toMatchObject({ match: { issuerLabels: { env: 'edge' }, targets: ['aws', 'gcp'] } });
    const edgeRole = {
      ...DOCUMENTS.find(({ name }) => name === 'deploy'),
      name: 'edge-role',
    } as (typeof DOCUMENTS)[number];
    if (!edgeRole.valid || edgeRole.kind !== 'FederationMapping') throw new Error('deploy is not a mapping');
    const subject = { issuer: 'edge-7', namespace: 'sensors', serviceAccount: 'uploader' };
    const target = { aws: { roleArn: 'arn:aws:iam::123456789012:role/edge', region: 'eu-west-1' } };
    const role = { ...edgeRole, spec: { ...edgeRole.spec, subject, target } };
    expect(answer(compiled([...DOCUMENTS, role]).snapshot, UPLOADER, ask('edge-role'))).toBe('target_denied guardrail');
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
