import { describe, expect, test } from 'vitest';
import type { VerifiedIdentity } from '../../src/core/identity.ts';
import type { AccessIndex } from '../../src/policy/access.ts';
import { NO_CONDITIONS } from '../../src/policy/conditions/conditions-for.ts';
import { decide } from '../../src/policy/decide.ts';
import type { Snapshot } from '../../src/policy/snapshot.ts';
import { wideningBetween } from '../../src/policy/widening.ts';
import type { AccessRequest } from '../../src/resources/access-request.ts';
import type { Document } from '../../src/resources/document.ts';
import {
  answer,
  ask,
  awsMapping,
  cluster,
  compiled,
  guardrail,
  NOW,
  snapshotOf,
  svidMapping,
  workload,
} from '../support/policy-builders.ts';

const HOUR = 3600 * 1000;
const AWAITING = 'target_denied awaiting_approval';
const justInTime = (changes: object = {}) => ({
  access: { justInTime: { approvals: 2, approvers: ['leads'], maxDuration: '1h', ...changes } },
});

const prod = (...documents: readonly Document[]) => snapshotOf(cluster('prod-eu'), ...documents);

/** What would be asked of people, or undefined where that is not what is missing. */
function awaited(snapshot: Snapshot, identity: VerifiedIdentity, address: string, now = NOW) {
  const decision = decide(snapshot, identity, ask(address), now);
  return decision.outcome === 'refused' ? decision.awaiting : undefined;
}

/** The request that the workload's own exchange would open, in the given respects different. */
function asked(snapshot: Snapshot, address: string, changes: Partial<AccessRequest> = {}): AccessIndex {
  const missing = awaited(snapshot, workload(), address);
  if (missing === undefined) throw new Error(`${address} awaits no approval`);
  const { request, mapping, mappingVersion, needed, durationSeconds, maxUses } = missing;
  return new Map([
    [
      request,
      {
        mapping,
        identity: { issuer: 'prod-eu', subject: workload().subject },
        durationSeconds,
        state: 'asked' as const,
        mappingVersion,
        askedAt: NOW - 60_000,
        needed,
        approvals: [],
        ...(maxUses !== undefined && { maxUses }),
        uses: 0,
        ...changes,
      },
    ],
  ]);
}

const APPROVED = { state: 'approved', from: NOW, notAfter: NOW + HOUR } as const;

function approved(snapshot: Snapshot, address: string, changes: Partial<AccessRequest> = {}): Snapshot {
  return { ...snapshot, access: asked(snapshot, address, { ...APPROVED, ...changes }) };
}

describe('just-in-time access (DESIGN 6.3)', () => {
  test('gives nothing before it is approved, and everything of the mapping afterwards', () => {
    const snapshot = prod(svidMapping('mesh', justInTime()));
    expect(answer(snapshot, workload(), ask('mesh'))).toBe(AWAITING);
    expect(answer({ ...snapshot, access: asked(snapshot, 'mesh') }, workload(), ask('mesh'))).toBe(AWAITING);
    expect(answer(approved(snapshot, 'mesh'), workload(), ask('mesh'))).toBe('allowed mesh');
  });

  test.each(['denied', 'withdrawn', 'expired'] as const)('gives nothing once it is %s', (state) => {
    const snapshot = approved(prod(svidMapping('mesh', justInTime())), 'mesh', { state });
    expect(answer(snapshot, workload(), ask('mesh'))).toBe(AWAITING);
    expect(awaited(snapshot, workload(), 'mesh')).toMatchObject({ state });
  });

  test('holds from its first to its last millisecond, wherever the clock jumps', () => {
    const snapshot = approved(prod(svidMapping('mesh', justInTime())), 'mesh');
    const at = (now: number) => answer(snapshot, workload({ expiresAt: NOW / 1000 + 9000 }), ask('mesh'), now);
    expect([at(NOW - 1), at(NOW), at(NOW + HOUR - 1000), at(NOW + HOUR), at(NOW - 24 * HOUR)]).toEqual([
      AWAITING,
      'allowed mesh',
      'allowed mesh',
      AWAITING,
      AWAITING,
    ]);
  });

  test('is of the one identity and the one mapping, as that is now', () => {
    const snapshot = prod(
      svidMapping('mesh', {
        ...justInTime(),
        subject: { issuer: 'prod-eu', namespace: 'payments', serviceAccount: '*' },
      }),
    );
    const { access } = approved(snapshot, 'mesh');
    expect(answer({ ...snapshot, access }, workload(), ask('mesh'))).toBe('allowed mesh');
    expect(answer({ ...snapshot, access }, workload({ serviceAccount: 'other' }), ask('mesh'))).toBe(AWAITING);
    const changed = prod(svidMapping('mesh', justInTime({ maxDuration: '2h' })));
    expect(answer({ ...changed, access }, workload(), ask('mesh'))).toBe(AWAITING);
  });

  test('names one request however often it is asked, another for another version of the mapping', () => {
    const name = (snapshot: Snapshot, now = NOW) => awaited(snapshot, workload(), 'mesh', now)?.request;
    const snapshot = prod(svidMapping('mesh', justInTime()));
    expect(name(snapshot)).toMatch(/^ar-[0-9a-f]{32}$/);
    expect([name(snapshot, NOW + 1000), name(prod(svidMapping('mesh', justInTime())))]).toEqual([
      name(snapshot),
      name(snapshot),
    ]);
    expect(name(prod(svidMapping('mesh', justInTime({ approvals: 1 }))))).not.toBe(name(snapshot));
  });

  test('ends with its uses', () => {
    const snapshot = prod(svidMapping('mesh', justInTime({ maxUses: 2 })));
    const left = (uses: number) => answer(approved(snapshot, 'mesh', { uses }), workload(), ask('mesh'));
    expect([left(1), left(2)]).toEqual(['allowed mesh', AWAITING]);
  });

  test('is asked before guardrails are, which refuse in spite of it', () => {
    const stop = guardrail('stop', { deny: 'true' });
    const snapshot = prod(svidMapping('mesh', justInTime()), stop);
    expect(answer(snapshot, workload(), ask('mesh'))).toBe(AWAITING);
    expect(answer(approved(snapshot, 'mesh'), workload(), ask('mesh'))).toBe('target_denied guardrail');
  });

  test('stands in the way of a mapping that only reports, too', () => {
    const until = '2026-11-30T00:00:00Z';
    const snapshot = prod(svidMapping('mesh', { ...justInTime(), mode: 'report', until, when: 'false' }));
    expect(answer(snapshot, workload(), ask('mesh'))).toBe(AWAITING);
    expect(answer(approved(snapshot, 'mesh'), workload(), ask('mesh'))).toBe('allowed mesh');
  });
});

describe('what is given for access never outlives it', () => {
  const ttlAt = (left: number, document: Document) => {
    const snapshot = prod(document);
    const access = asked(snapshot, document.name, { ...APPROVED, notAfter: NOW + left * 1000 });
    const decision = decide({ ...snapshot, access }, workload(), ask(document.name), NOW);
    return decision.outcome === 'allowed' ? decision.grant.ttlSeconds : decision.reason;
  };

  test('an SVID ends with it', () => {
    const mesh = svidMapping('mesh', { ...justInTime(), ttl: { default: '30m' } });
    expect([ttlAt(3600, mesh), ttlAt(100, mesh)]).toEqual([1800, 100]);
  });

  test('a credential of a cloud ends before it by as long as a call may take, or is refused', () => {
    const role = awsMapping('role', justInTime());
    expect([ttlAt(3600, role), ttlAt(920, role), ttlAt(919, role)]).toEqual([3580, 900, 'ttl_below_target_minimum']);
  });

  test('what the target alone chooses is refused where it could live for longer', () => {
    const azure = {
      target: {
        azure: {
          tenant: '11111111-1111-4111-8111-111111111111',
          clientId: '22222222-2222-4222-8222-222222222222',
          scopes: ['https://storage.azure.com/.default'],
        },
      },
      residual: { accept: ['ttl'], reason: 'Entra chooses' },
      ...justInTime({ maxDuration: '2h' }),
    };
    const vault = awsMapping('vault', azure);
    expect([ttlAt(7200, vault), ttlAt(5420, vault), ttlAt(5419, vault)]).toEqual([
      3600,
      3600,
      'ttl_below_target_minimum',
    ]);
  });

  test('access that is always too short is a fault of the mapping', () => {
    const faults = (maxDuration: string) =>
      compiled([cluster('prod-eu'), awsMapping('role', justInTime({ maxDuration }))]).faults.map(({ field }) => field);
    expect(faults('920s')).toEqual([]);
    expect(faults('919s')).toEqual(['spec.access.justInTime.maxDuration']);
  });

  test('the grant names the access, so that nothing is held for another', () => {
    const snapshot = approved(prod(awsMapping('role', justInTime({ maxUses: 3 }))), 'role');
    const decision = decide(snapshot, workload(), ask('role'), NOW);
    const request = [...snapshot.access.keys()][0];
    expect(decision).toMatchObject({ grant: { access: { request, until: NOW + HOUR, counted: true } } });
  });
});

describe('break-glass and guardrails (DESIGN 5)', () => {
  const glass = (...ceilings: readonly Document[]) => {
    const snapshot = prod(svidMapping('mesh', justInTime({ breakGlass: { group: 'on-call' } })), ...ceilings);
    return answer(approved(snapshot, 'mesh', { breakGlass: true }), workload(), ask('mesh'));
  };

  test('it passes a guardrail that says so, and no other', () => {
    const freeze = { deny: 'true', message: 'freeze' };
    expect(glass(guardrail('freeze', freeze))).toBe('target_denied guardrail');
    expect(glass(guardrail('freeze', { ...freeze, breakGlass: true }))).toBe('allowed mesh');
    expect(glass(guardrail('freeze', { ...freeze, breakGlass: true }), guardrail('stop', freeze))).toBe(
      'target_denied guardrail',
    );
  });

  test('access that others have approved passes none', () => {
    const freeze = guardrail('freeze', { deny: 'true', breakGlass: true });
    const snapshot = prod(svidMapping('mesh', justInTime()), freeze);
    expect(answer(approved(snapshot, 'mesh'), workload(), ask('mesh'))).toBe('target_denied guardrail');
  });

  test('a cap goes on to cap', () => {
    const snapshot = prod(
      svidMapping('mesh', { ...justInTime(), ttl: { default: '30m' } }),
      guardrail('cap', { maxTtl: '1m', breakGlass: true }),
    );
    const decision = decide(approved(snapshot, 'mesh', { breakGlass: true }), workload(), ask('mesh'), NOW);
    expect(decision).toMatchObject({ grant: { ttlSeconds: 60, access: { breakGlass: true } } });
  });
});

describe('a change of just-in-time access', () => {
  const fields = (before: object, after: object) => {
    const snapshot = (changes: object) => compiled([cluster('prod-eu'), svidMapping('mesh', changes)]).snapshot;
    return wideningBetween(snapshot(before), snapshot(after), NO_CONDITIONS).reasons.map(({ field }) => field);
  };

  test.each<[string, object]>([
    ['approvals', { approvals: 1 }],
    ['approvers', { approvers: ['leads', 'everybody'] }],
    ['maxDuration', { maxDuration: '2h' }],
    ['maxUses', { maxUses: undefined }],
    ['reason', { reason: 'optional' }],
    ['breakGlass', { breakGlass: { group: 'on-call' } }],
  ])('widens by more %s, and not by less', (field, more) => {
    const less = justInTime({ maxUses: 3 });
    const wide = justInTime({ maxUses: 3, ...more });
    expect(fields(less, wide)).toEqual([`spec.access.justInTime.${field}`]);
    if (field !== 'approvers') expect(fields(wide, less)).toEqual([]);
  });

  test('widens where none is needed any more, and not where some is needed from now on', () => {
    expect(fields(justInTime(), {})).toEqual(['spec.access']);
    expect(fields({}, justInTime())).toEqual([]);
  });
});
