import { describe, expect, test } from 'vitest';
import { decide } from '../../src/policy/decide.ts';
import type { Document } from '../../src/resources/document.ts';
import {
  answer,
  ask,
  awsMapping,
  ci,
  ciJob,
  cluster,
  compiled,
  guardrail,
  NOW,
  snapshotOf,
  svidMapping,
  unboundWorkload,
  workload,
} from '../support/policy-builders.ts';

const PROD = cluster('prod-eu', { env: 'prod' });
const NOT_MET = 'target_denied condition_not_met';
const role = (when: string, changes: object = {}) => awsMapping('role', { when, ...changes });
const asking = (one: Document, identity = workload(), asked = ask('role')) =>
  answer(snapshotOf(PROD, one), identity, asked);

describe('when of a mapping (DESIGN section 6, step 5)', () => {
  test.each([
    ['identity.pod == "reporter-0"', 'allowed role'],
    ['identity.pod == "reporter-1"', NOT_MET],
    ['identity.kind == "kubernetes" && identity.cluster == "prod-eu"', 'allowed role'],
    ['identity.uid == "11111111-1111-1111-1111-111111111111"', 'allowed role'],
    ['identity.liveness == "reviewed"', NOT_MET],
    ['identity.spiffeId == "spiffe://example.org/cluster/prod-eu/ns/payments/sa/reporter"', 'allowed role'],
    ['issuer.name == identity.issuer && issuer.labels.env == "prod"', 'allowed role'],
    ['issuer.labels.team == "a"', NOT_MET],
    ['identity.claims.sub == "a"', NOT_MET],
    ['request.time < timestamp("2026-11-22T09:00:00.001Z")', 'allowed role'],
    ['request.time < timestamp("2026-11-22T09:00:00Z")', NOT_MET],
  ])('%s: %s', (when, expected) => {
    expect(asking(role(when))).toBe(expected);
  });

  test('sees empty texts where an identity lacks them', () => {
    expect(
      asking(
        role('identity.pod == "" && identity.node == ""', { subject: { ...SUBJECT, binding: 'any' } }),
        unboundWorkload(),
      ),
    ).toBe('allowed role');
    const { spiffeId: _, ...nameless } = workload();
    expect(asking(role('identity.spiffeId == ""'), nameless)).toBe('allowed role');
  });

  test('sees the claims of a CI job, and none of a pod', () => {
    const job = (when: string) =>
      answer(
        snapshotOf(ci('github'), deploy(when)),
        ciJob({ repository_id: '1', ref: 'refs/heads/main', run_attempt: '2' }),
        ask('deploy'),
      );
    expect(job('identity.claims.ref.matches("^refs/heads/(main|release/.+)$")')).toBe('allowed deploy');
    expect(job('int(identity.claims.run_attempt) == 1')).toBe(NOT_MET);
    expect(job('identity.namespace == "" && identity.cluster == "" && identity.liveness == ""')).toBe('allowed deploy');
    expect(asking(role('size(identity.claims) == 0'))).toBe('allowed role');
  });

  test('sees what is asked for: the ttl or its default, the scope, the target', () => {
    const ttl = role('request.ttl <= duration("30m")');
    expect(asking(ttl)).toBe(NOT_MET);
    expect(asking(ttl, workload(), ask('role', { ttlSeconds: 1800 }))).toBe('allowed role');
    expect(asking(ttl, workload(), ask('role', { ttlSeconds: 1801 }))).toBe(NOT_MET);
    const intents = [{ allow: 'object.read', resource: { bucket: 'reports' } }];
    const scoped = role('request.scope == "object.read:reports/x"', { intents });
    expect(asking(scoped, workload(), ask('role', { scopes: ['object.read:reports/x'] }))).toBe('allowed role');
    expect(asking(scoped)).toBe(NOT_MET);
    const svid = svidMapping('mesh', { when: 'target.kind == "jwtSvid" && target.id == "ledger"' });
    expect(asking(svid, workload(), ask('mesh'))).toBe('allowed mesh');
  });

  test('comes after guardrails and before the ttl, whose reasons it yields to and hides', () => {
    const rail = guardrail('stop', { deny: 'true' });
    const denied = role('false', { ttl: { max: '15m' } });
    expect(answer(snapshotOf(PROD, denied, rail), workload(), ask('role'))).toBe('target_denied guardrail');
    expect(asking(denied, workload(), ask('role', { ttlSeconds: 1 }))).toBe(NOT_MET);
  });

  test('refuses for good: nothing falls through to a wider mapping', () => {
    const wide = svidMapping('wide', {
      subject: { ...SUBJECT, namespace: '*', serviceAccount: '*' },
      addresses: ['shared'],
    });
    const documents = [PROD, wide, role('false', { addresses: ['shared'] })];
    expect(answer(snapshotOf(...documents), workload(), ask('shared'))).toBe(NOT_MET);
    expect(answer(snapshotOf(...documents), workload({ namespace: 'x' }), ask('shared'))).toBe('allowed wide');
  });

  test('that is faulty quarantines its mapping alone', () => {
    const { snapshot, faults, accepted } = compiled([PROD, svidMapping('mesh'), role('identity.podd == ""')]);
    expect(faults.map(({ name, field, severity, message }) => `${name} ${field} ${severity}: ${message}`)).toEqual([
      'role spec.when error: column 10: has no field podd',
    ]);
    expect(accepted.map(({ name }) => name)).not.toContain('role');
    expect(answer(snapshot, workload(), ask('role'))).toBe('target_denied inactive');
    expect(answer(snapshot, workload(), ask('mesh'))).toBe('allowed mesh');
  });

  test('tells the record what it read, and why it is an error', () => {
    const detail = (when: string) => decide(snapshotOf(PROD, role(when)), workload(), ask('role'), NOW);
    expect(detail('issuer.labels.team == "a"')).toMatchObject({
      detail: 'issuer.labels.team == "a" is error (field not found: team): issuer.labels.team is missing',
    });
  });
});

const SUBJECT = { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'reporter' };

function deploy(when: string): Document {
  const subject = { issuer: 'github', claims: { repository_id: '1' } };
  return awsMapping('deploy', { subject, when, ttl: { outliveSubject: true } });
}
