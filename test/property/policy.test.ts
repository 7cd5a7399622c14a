import { describe, expect, test } from 'vitest';
import type { Ask } from '../../src/core/decision.ts';
import type { VerifiedIdentity } from '../../src/core/identity.ts';
import { decide, decideAloud } from '../../src/policy/decide.ts';
import type { Document } from '../../src/resources/document.ts';
import {
  ask,
  awsMapping,
  ci,
  ciJob,
  cluster,
  compiled,
  document,
  guardrail,
  NOW,
  svidMapping,
  unboundWorkload,
  workload,
} from '../support/policy-builders.ts';
import { modelCap, modelDecision } from '../support/policy-model.ts';
import { fc } from '../support/properties.ts';

const ISSUERS = [
  cluster('prod-eu', { env: 'prod', region: 'eu' }),
  cluster('prod-us', { env: 'prod', region: 'us' }),
  cluster('edge', { env: 'edge' }),
  ci('github', { spiffePath: '/ci/{claims.repo}' }, { env: 'ci', region: 'eu' }),
];
const MAPPING_NAMES = ['m0', 'm1', 'm2', 'm3', 'm4', 'm5'];
const ROLES = ['one', 'two'].map((name) => `arn:aws:iam::123456789012:role/${name}`);
const ADDRESSES = [...MAPPING_NAMES, 'shared', 'ledger', 'vault', 'nowhere', ...ROLES];

/** Of every outcome: true, false, an error, and a text that is no condition. */
const CONDITIONS = [
  'identity.pod != ""',
  'issuer.labels.env == "prod"',
  'request.ttl <= duration("20m")',
  'has(identity.claims.ref) && identity.claims.ref == "1"',
  'identity.claims.repo == "2"',
  'false',
  'identity.podd == ""',
];
const usually = <T>(value: T, ...others: T[]) => fc.constantFrom(...Array<T>(8).fill(value), ...others);
const orStar = (...values: string[]) => fc.constantFrom('*', ...values);
const selectors = fc.constantFrom({ env: 'prod' }, { region: 'eu' }, { env: 'prod', region: 'eu' });
const clusters = fc.oneof(
  usually('prod-eu', 'prod-us').map((issuer) => ({ issuer })),
  selectors.map((issuerSelector) => ({ issuerSelector })),
);
const ciIssuers = fc.constantFrom(
  { issuer: 'github' },
  { issuerSelector: { env: 'ci' } },
  { issuerSelector: { region: 'eu' } },
);
const workloads = fc.oneof(
  { weight: 6, arbitrary: fc.record({ namespace: orStar('payments'), serviceAccount: orStar('reporter') }) },
  { weight: 2, arbitrary: fc.record({ namespace: orStar('sensors'), serviceAccount: orStar('other') }) },
  { weight: 1, arbitrary: fc.constant({ spiffeId: workload().spiffeId }) },
);
const ciJobs = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .record({ repo: orStar('1', '2'), env: orStar('1'), ref: orStar('1') }, { requiredKeys: ['repo'] })
      .map((claims) => ({ claims: { ...claims } })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ env: orStar('1'), ref: orStar('1') }, { requiredKeys: ['env'] })
      .map((claims) => ({ claims: { ...claims } })),
  },
  { weight: 1, arbitrary: fc.constant({ spiffeId: 'spiffe://example.org/ci/1' }) },
);
const subject = fc
  .oneof(
    { weight: 5, arbitrary: fc.tuple(clusters, workloads) },
    { weight: 4, arbitrary: fc.tuple(ciIssuers, ciJobs) },
    { weight: 1, arbitrary: fc.tuple(ciIssuers, workloads) },
  )
  .map(([issuer, rest]) => ({ ...issuer, ...rest }));
const addresses = usually(['shared'], ['shared', 'alias'], ['ledger'], []);
const common = fc.record({
  addresses,
  expiresAt: usually<string | undefined>(undefined, '2026-11-22T08:00:00Z', '2026-11-23T08:00:00Z'),
  ttl: usually<object>(
    { outliveSubject: true },
    { max: '30m' },
    { default: '10m', max: '2h' },
    { outliveSubject: false },
  ),
  mode: usually('enforce', 'shadow'),
  when: usually<string | undefined>(undefined, 'true', ...CONDITIONS),
});
const aws = fc.record({ roleArn: fc.constantFrom(...ROLES), region: fc.constant('eu-west-1') });
const intents = usually<unknown>(
  'unrestricted',
  [{ allow: 'object.read', resource: { bucket: 'reports', prefix: '2026/' } }],
  [{ allow: 'secret.read', resource: { secret: 'db' } }],
);
const svid = usually(['a1'], ['a2'], ['ledger'], ['ledger', 'vault'], ['m0']).map((audiences) => ({ audiences }));
const faults = usually({}, { typo: 1 });

const mapping = (name: fc.Arbitrary<string>, who: fc.Arbitrary<object> = subject): fc.Arbitrary<Document> =>
  fc.oneof(
    fc
      .tuple(name, who, common, aws, intents, faults)
      .map(([name, subject, rest, target, intents, fault]) =>
        awsMapping(name, { ...rest, subject, target: { aws: target }, intents, ...fault }),
      ),
    fc
      .tuple(name, who, common, svid, faults)
      .map(([name, subject, rest, target, fault]) =>
        svidMapping(name, { ...rest, subject, target: { jwtSvid: target }, ...fault }),
      ),
  );
const mappings = fc
  .tuple(...MAPPING_NAMES.map((name) => mapping(fc.constant(name))))
  .chain((all) => fc.shuffledSubarray(all, { minLength: 2 }));

const rail = fc.record(
  {
    match: fc.record(
      {
        issuers: fc.subarray(['prod-eu', 'prod-us', 'github'], { minLength: 1 }),
        issuerLabels: fc.constantFrom({ env: 'prod' }, { region: 'eu' }),
        notIssuerLabels: fc.constantFrom({ env: 'prod' }, { region: 'eu' }),
        namespace: orStar('payments', 'sensors'),
        serviceAccount: orStar('reporter', 'other'),
        targets: fc.subarray(['aws', 'jwtSvid'], { minLength: 1 }),
        mappings: fc.subarray(MAPPING_NAMES, { minLength: 1 }),
      },
      { requiredKeys: [] },
    ),
    deny: fc.constantFrom('true', 'target.kind == "aws"', ...CONDITIONS),
    maxTtl: fc.constantFrom('1m', '20m', '2h'),
    requirePodBound: fc.boolean(),
    requireIntents: fc.boolean(),
    modes: fc.constantFrom(['enforce'], ['report']),
  },
  { requiredKeys: [] },
);
const railNamed = (name: string) => rail.map((spec) => guardrail(name, { maxTtl: '6h', ...spec }));
/** Mostly caps: with a denial in each set nothing would be allowed and nothing shown. */
const rails = fc.oneof(
  fc.constant<Document[]>([]),
  fc.constantFrom('20m', '2h').map((maxTtl) => [guardrail('r0', { maxTtl })]),
  fc.tuple(railNamed('r1'), railNamed('r2')).map((both): Document[] => both),
);

const grantSpec = fc.record(
  {
    from: fc.oneof(
      fc.constant({ authors: ['file:a.yaml'] }),
      fc.constantFrom({ authors: ['file:b.yaml'] }, { namespaces: ['payments'] }, { namespaces: ['sensors'] }),
      fc.constantFrom({ issuerLabels: { env: 'prod' } }, { issuerLabels: { region: 'eu' }, namespaces: ['payments'] }),
    ),
    to: fc.constantFrom(
      { accounts: ['*'] },
      { accounts: ['123456789012'], audiences: ['*'] },
      { accounts: ['999999999999'], audiences: ['led*', 'a1'] },
      { roles: ['arn:aws:iam::123456789012:role/on*'], audiences: ['ledger'] },
      { audiences: ['a*', 'ledger', 'vault'] },
    ),
    maxTtl: fc.constantFrom('10m', '20m', '50m'),
  },
  { requiredKeys: ['to'] },
);
const grants = fc
  .array(grantSpec, { maxLength: 3 })
  .map((specs) => specs.map((spec, at) => document('FederationGrant', `g${at}`, spec)));

const identity: fc.Arbitrary<VerifiedIdentity> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(workload()) },
  {
    weight: 2,
    arbitrary: fc
      .record({
        issuer: fc.constantFrom('prod-eu', 'prod-us', 'edge', 'gone'),
        namespace: fc.constantFrom('payments', 'sensors'),
        serviceAccount: fc.constantFrom('reporter', 'other'),
        expiresAt: fc.constantFrom(NOW / 1000 + 30, NOW / 1000 + 3000),
      })
      .chain((changes) => fc.constantFrom(workload(changes), unboundWorkload(changes))),
  },
  {
    weight: 3,
    arbitrary: fc
      .record(
        { repo: usually('1', '2'), env: fc.constantFrom('1', '2'), ref: fc.constant('1') },
        { requiredKeys: ['repo'] },
      )
      .map((claims) => ciJob({ ...claims }, claims.repo === '1' ? { spiffeId: 'spiffe://example.org/ci/1' } : {})),
  },
);
const wish: fc.Arbitrary<Ask> = fc
  .tuple(
    fc.oneof(fc.constant('shared'), fc.constantFrom(...ADDRESSES)),
    fc.record(
      {
        ttlSeconds: fc.constantFrom(30, 900, 7200),
        scopes: usually<string[]>([], ['object.read:reports/2026/11/'], ['secret.read:db'], ['object.read:reports']),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([address, rest]) => ask(address, rest));
const seen = fc
  .shuffledSubarray(MAPPING_NAMES, { minLength: 4 })
  .chain((order) =>
    fc.constantFrom(
      ...[1, 2].map((each) => Object.fromEntries(order.map((name, at) => [name, Math.ceil((at + 1) / each)]))),
    ),
  );
const past = { numRuns: 400 };

describe('policy, whatever the resources', () => {
  test('does not depend on the order of documents', () => {
    const all = fc.tuple(mappings, rails).chain(([some, more]) => {
      const documents = [...ISSUERS, ...some, ...more];
      return fc.tuple(fc.constant(documents), fc.shuffledSubarray(documents, { minLength: documents.length }));
    });
    fc.assert(
      fc.property(all, seen, identity, wish, ([documents, shuffled], revisions, who, asked) => {
        const one = compiled(documents, { seen: revisions });
        const other = compiled(shuffled, { seen: revisions });
        expect(other.snapshot.revision).toBe(one.snapshot.revision);
        expect(other.faults).toEqual(one.faults);
        expect(decideAloud(other.snapshot, who, asked, NOW)).toEqual(decideAloud(one.snapshot, who, asked, NOW));
      }),
      past,
    );
  });

  test('is deterministic and changes none of its arguments', () => {
    fc.assert(
      fc.property(mappings, rails, identity, wish, (some, more, who, asked) => {
        const { snapshot } = compiled([...ISSUERS, ...some, ...more]);
        const before = JSON.stringify([who, asked]);
        expect(decide(snapshot, who, asked, NOW)).toEqual(decide(snapshot, who, asked, NOW));
        expect(JSON.stringify([who, asked])).toBe(before);
      }),
      past,
    );
  });

  test('decides the same whether or not somebody hears why, and what is heard ends with the refusal', () => {
    fc.assert(
      fc.property(mappings, rails, identity, wish, (some, more, who, asked) => {
        const { snapshot } = compiled([...ISSUERS, ...some, ...more]);
        const { steps, ...decision } = decideAloud(snapshot, who, asked, NOW);
        expect(decision).toStrictEqual(decide(snapshot, who, asked, NOW));
        const refusing = steps.filter(({ passed }) => !passed);
        if (decision.outcome === 'allowed') expect(refusing).toEqual([]);
        else expect(refusing).toEqual([{ ...steps.at(-1), detail: expect.stringContaining(decision.detail) }]);
      }),
      past,
    );
  });

  test('never allows more when a guardrail is added', () => {
    let allowed = 0;
    fc.assert(
      fc.property(
        mappings,
        rails,
        railNamed('extra'),
        seen,
        identity,
        wish,
        (some, more, extra, revisions, who, asked) => {
          const documents = [...ISSUERS, ...some, ...more];
          const before = decide(compiled(documents, { seen: revisions }).snapshot, who, asked, NOW);
          const after = decide(compiled([...documents, extra], { seen: revisions }).snapshot, who, asked, NOW);
          if (after.outcome === 'refused') return;
          if (before.outcome === 'refused') throw new Error(`allowed by ${JSON.stringify(extra)}`);
          expect(after.grant.ttlSeconds).toBeLessThanOrEqual(before.grant.ttlSeconds);
          expect({ ...after.grant, ttlSeconds: 0 }).toEqual({ ...before.grant, ttlSeconds: 0 });
          allowed += 1;
        },
      ),
      past,
    );
    expect(allowed).toBeGreaterThan(10);
  });

  test('changes nothing for me when a mapping for others is added', () => {
    const others = mapping(fc.constant('others'), fc.constant({ issuer: 'edge', namespace: '*', serviceAccount: '*' }));
    fc.assert(
      fc.property(mappings, rails, others, seen, identity, wish, (some, more, extra, revisions, who, asked) => {
        fc.pre(who.issuer !== 'edge');
        const documents = [...ISSUERS, ...some, ...more];
        const after = decide(compiled([...documents, extra], { seen: revisions }).snapshot, who, asked, NOW);
        expect(after).toEqual(decide(compiled(documents, { seen: revisions }).snapshot, who, asked, NOW));
      }),
      past,
    );
  });

  test('changes nothing for others when a mapping is damaged, and never allows its own callers', () => {
    let stopped = 0;
    fc.assert(
      fc.property(mappings, fc.nat(), seen, identity, wish, (some, at, revisions, who, asked) => {
        const documents = [...ISSUERS, ...some];
        const lastGood = documents.filter(({ valid }) => valid);
        const before = decide(compiled(documents, { lastGood, seen: revisions }).snapshot, who, asked, NOW);
        const selected = some.find(({ name }) => name === before.mapping);
        const victim = at % 2 === 0 ? (selected ?? some[0]) : some[at % some.length];
        if (victim === undefined || !victim.valid) return;
        const damaged = documents.map((one) => (one === victim ? document(one.kind, one.name, { typo: 1 }) : one));
        const after = decide(compiled(damaged, { lastGood, seen: revisions }).snapshot, who, asked, NOW);
        if (before.outcome === 'allowed' && before.mapping === victim.name) {
          expect(after).toMatchObject({ outcome: 'refused', reason: 'inactive', mapping: victim.name });
          stopped += 1;
        } else expect(after.outcome).toBe(before.outcome);
      }),
      past,
    );
    expect(stopped).toBeGreaterThan(10);
  });

  test('decides as a model does that reads every mapping in turn', () => {
    let selected = 0;
    fc.assert(
      fc.property(mappings, seen, identity, wish, (some, revisions, who, asked) => {
        const whole = compiled([...ISSUERS, ...some], { seen: revisions }).accepted;
        const { snapshot, accepted, faults } = compiled(whole);
        // A tie at a role costs that address alone, which the model knows nothing of.
        fc.pre(faults.every(({ field }) => field !== 'spec.target'));
        expect(accepted).toHaveLength(whole.length);
        const { mapping } = decide(snapshot, who, asked, NOW);
        expect(mapping).toBe(modelDecision(whole, who, asked.address));
        if (mapping !== undefined) selected += 1;
      }),
      { numRuns: 1000 },
    );
    expect(selected).toBeGreaterThan(100);
  });

  test('with requireGrants issues nothing that no grant covers by itself, and nothing beyond its cap (DESIGN 5)', () => {
    const tally = { allowed: 0, capped: 0, refused: 0 };
    fc.assert(
      fc.property(mappings, grants, seen, identity, wish, (some, more, revisions, who, asked) => {
        const documents = [...ISSUERS, ...some, ...more];
        const free = decide(compiled(documents, { seen: revisions }).snapshot, who, asked, NOW);
        const context = { requireGrants: true };
        const held = decide(compiled(documents, { seen: revisions, context }).snapshot, who, asked, NOW);
        const mapping = some.find(({ name }) => name === held.mapping);
        if (!mapping?.valid || mapping.kind !== 'FederationMapping') return;
        const cap = modelCap(documents, mapping);
        if (held.outcome === 'allowed') {
          expect(free.outcome).toBe('allowed');
          expect(held.grant.ttlSeconds).toBeLessThanOrEqual(cap ?? 0);
          tally.allowed += 1;
          if (cap !== undefined && cap < 3600) tally.capped += 1;
        } else if (free.outcome === 'allowed') {
          expect(held.reason === 'not_granted' || held.reason === 'ttl_below_target_minimum').toBe(true);
          if (held.reason === 'not_granted') {
            expect(cap === undefined || cap < 900).toBe(true);
            tally.refused += 1;
          }
        }
      }),
      { numRuns: 2000 },
    );
    expect(
      Object.values(tally).every((count) => count > 20),
      JSON.stringify(tally),
    ).toBe(true);
  });
});
