import { describe, expect, test } from 'vitest';
import type { Decision } from '../../src/core/decision.ts';
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
  workload,
} from '../support/policy-builders.ts';

const PROD = cluster('prod-eu', { env: 'prod' });
const EVERYBODY = { issuer: 'prod-eu', namespace: '*', serviceAccount: '*' };
const UNTIL = '2026-11-22T09:00:01Z';
const report = (changes: object) => awsMapping('role', { mode: 'report', until: UNTIL, ...changes });
const shadow = (changes: object = {}) => svidMapping('trial', { mode: 'shadow', addresses: ['shared'], ...changes });
const decided = (documents: readonly Document[], address = 'role', now = NOW): Decision =>
  decide(snapshotOf(PROD, ...documents), workload(), ask(address), now);

describe('a mapping that reports (DESIGN section 6)', () => {
  const refused = 'identity.pod == "" is false: identity.pod = "reporter-0"; only reported';

  test('lets its own condition pass and says what enforcing would have come to', () => {
    expect(decided([report({ when: 'identity.pod == ""' })])).toMatchObject({
      outcome: 'allowed',
      beside: [{ mode: 'report', mapping: 'role', outcome: 'refused', reason: 'condition_not_met', detail: refused }],
    });
    expect(decided([report({ when: 'identity.pod != ""' })]).beside).toEqual([
      { mode: 'report', mapping: 'role', outcome: 'allowed' },
    ]);
    expect(decided([awsMapping('role', { when: 'identity.pod != ""' })])).not.toHaveProperty('beside');
  });

  test('lets an error of its own condition pass too', () => {
    const [beside] = decided([report({ when: 'issuer.labels.team == "a"' })]).beside ?? [];
    expect(beside).toMatchObject({ outcome: 'refused', reason: 'condition_not_met' });
  });

  test('enforces from its end on', () => {
    const one = [report({ when: 'identity.pod == ""' })];
    expect(decided(one, 'role', NOW + 999)).toMatchObject({ outcome: 'allowed' });
    expect(decided(one, 'role', NOW + 1000)).toMatchObject({ outcome: 'refused', reason: 'condition_not_met' });
    expect(decided(one, 'role', NOW + 1000)).not.toHaveProperty('beside');
  });

  test('lets nothing else pass: neither a ceiling nor what the target cannot give', () => {
    const when = { when: 'identity.pod == ""' };
    for (const [changes, reason] of [
      [{}, 'guardrail'],
      [{ expiresAt: '2026-11-22T09:00:00Z' }, 'mapping_expired'],
    ] as const) {
      const rail = guardrail('stop', { deny: 'target.kind == "aws"' });
      expect(decided([report({ ...when, ...changes }), rail])).toMatchObject({ outcome: 'refused', reason });
    }
    const short = decide(snapshotOf(PROD, report(when)), workload(), ask('role', { ttlSeconds: 1 }), NOW);
    expect(short).toMatchObject({ outcome: 'refused', reason: 'ttl_below_target_minimum' });
    expect(short.beside).toMatchObject([{ outcome: 'refused', reason: 'condition_not_met' }]);
  });
});

describe('a shadow (DESIGN section 6)', () => {
  const wide = svidMapping('wide', { subject: EVERYBODY, addresses: ['shared'] });

  test('never issues and never stands in the way: what it would have said is told beside', () => {
    const decision = decided([wide, shadow()], 'shared');
    expect(decision).toMatchObject({ outcome: 'allowed', mapping: 'wide' });
    expect(decision.beside).toEqual([{ mode: 'shadow', outcome: 'allowed', mapping: 'trial' }]);
    expect(decided([wide, shadow({ when: 'false' })], 'shared').beside).toEqual([
      {
        mode: 'shadow',
        outcome: 'refused',
        mapping: 'trial',
        reason: 'condition_not_met',
        detail: 'false is false: reads nothing',
      },
    ]);
  });

  test('leaves a caller for whom nothing else matches with the answer of an address that is not there', () => {
    const alone = decided([shadow()], 'shared');
    expect(alone).toMatchObject({ outcome: 'refused', error: 'target_refused' });
    expect(alone).not.toHaveProperty('mapping');
    expect(alone.beside).toEqual([{ mode: 'shadow', outcome: 'allowed', mapping: 'trial' }]);
    expect(answer(snapshotOf(PROD, shadow()), workload(), ask('shared'))).toBe('target_refused');
  });

  test('of a mapping whose name is its audience is a fault that says why, and stands beside it once that has another name', () => {
    const target = { jwtSvid: { audiences: ['ledger'] } };
    const trial = shadow({ target });
    const named = compiled([PROD, svidMapping('ledger', { subject: EVERYBODY, target }), trial]);
    expect(named.faults).toMatchObject([
      { name: 'trial', message: 'ledger is the name of another mapping', hint: expect.stringContaining('rename') },
    ]);
    const decision = decided([svidMapping('ledger-svid', { subject: EVERYBODY, target }), trial], 'ledger');
    expect(decision).toMatchObject({ outcome: 'allowed', mapping: 'ledger-svid' });
    expect(decision.beside).toEqual([{ mode: 'shadow', outcome: 'allowed', mapping: 'trial' }]);
  });

  test('that lists the name of another among its addresses is a fault that says how to share one', () => {
    const { faults } = compiled([PROD, wide, shadow({ addresses: ['wide'] })]);
    expect(faults).toMatchObject([
      { field: 'spec.addresses[0]', hint: expect.stringContaining('another one in both') },
    ]);
  });

  test('says nothing of callers and addresses that are not its own', () => {
    expect(decided([wide, shadow()], 'wide')).not.toHaveProperty('beside');
    const others = shadow({ subject: { ...EVERYBODY, namespace: 'sensors' } });
    expect(decided([wide, others], 'shared')).not.toHaveProperty('beside');
  });

  test('is decided by the most specific one, and two that tie are told as that', () => {
    const narrow = svidMapping('narrow', { mode: 'shadow', addresses: ['shared'] });
    const broad = svidMapping('broad', { mode: 'shadow', addresses: ['shared'], subject: EVERYBODY });
    expect(decided([narrow, broad], 'shared').beside).toMatchObject([{ mapping: 'narrow' }]);
    expect(decided([narrow, shadow()], 'shared').beside).toEqual([
      {
        mode: 'shadow',
        outcome: 'refused',
        reason: 'ambiguous_mapping',
        detail: 'none of narrow, trial is the most specific',
      },
    ]);
  });

  test('stands under every ceiling, that of modes too', () => {
    const said = (rail: object) => decided([wide, shadow(), guardrail('rail', rail)], 'shared').beside?.[0];
    expect(said({ match: { mappings: ['trial'] }, deny: 'true' })).toMatchObject({ reason: 'guardrail' });
    expect(said({ match: { mappings: ['trial'] }, modes: ['enforce'] })).toMatchObject({ reason: 'guardrail' });
    expect(said({ match: { mappings: ['trial'] }, modes: ['shadow'] })).toMatchObject({ outcome: 'allowed' });
  });

  test('is told beside one that reports', () => {
    const one = report({ addresses: ['shared'], when: 'true' });
    expect(decided([one, shadow()], 'shared').beside?.map(({ mode }) => mode)).toEqual(['report', 'shadow']);
  });

  test('makes decisions no slower than others may: each address has its bound of sets of claim names', () => {
    const shadows = Array.from({ length: 65 }, (_, at) =>
      svidMapping(`s${at}`, {
        mode: 'shadow',
        addresses: ['shared'],
        subject: { issuer: 'github', claims: { [`claim${at}`]: '1' } },
      }),
    );
    const github = ci('github', { spiffePath: '/ci/{claims.repo}' });
    const { snapshot, faults } = compiled([github, ...shadows]);
    expect(faults).toHaveLength(65);
    expect(decide(snapshot, ciJob({ claim0: '1' }), ask('shared'), NOW)).not.toHaveProperty('beside');
    const fewer = compiled([github, ...shadows.slice(1)]).snapshot;
    expect(decide(fewer, ciJob({ claim1: '1' }), ask('shared'), NOW).beside).toHaveLength(1);
  });
});
