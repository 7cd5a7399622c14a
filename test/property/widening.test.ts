import { expect, test } from 'vitest';
import type { Allowed, Ask } from '../../src/core/decision.ts';
import type { VerifiedIdentity } from '../../src/core/identity.ts';
import { decide } from '../../src/policy/decide.ts';
import type { Snapshot } from '../../src/policy/snapshot.ts';
import { wideningBetween } from '../../src/policy/widening.ts';
import type { Document } from '../../src/resources/document.ts';
import {
  ask,
  awsMapping,
  CONDITIONS,
  ci,
  ciJob,
  cluster,
  compiled,
  guardrail,
  NOW,
  svidMapping,
  unboundWorkload,
  workload,
} from '../support/policy-builders.ts';
import { fc } from '../support/properties.ts';

const ROLES = ['one', 'two'].map((name) => `arn:aws:iam::123456789012:role/${name}`);
const READ = { allow: 'object.read', resource: { bucket: 'reports', prefix: '2026/' } };
const READ_ALL = { allow: 'object.read', resource: { bucket: 'reports' } };
const SECRET = { allow: 'secret.read', resource: { secret: 'db' } };
const PUBLISH = { allow: 'queue.publish', resource: { queue: 'events' } };
const OLD = 'request.ttl <= duration("20m")';
const TEXTS = ['true', OLD, `(${OLD}) && (identity.pod != "")`, `(${OLD}) || (true)`, 'issuer.labels.env == "prod"'];
const usually = <T>(value: T, ...others: T[]) => fc.constantFrom(...Array<T>(4).fill(value), ...others);

const issuers = fc
  .tuple(fc.constantFrom({ env: 'prod' }, { env: 'test' }), fc.subarray(['us', 'github']))
  .map(([labels, others]): Document[] => [
    cluster('prod-eu', labels),
    ...(others.includes('us') ? [cluster('prod-us', { env: 'prod' })] : []),
    ...(others.includes('github') ? [ci('github', {}, { env: 'prod' })] : []),
  ]);
const part = usually<object>({ issuer: 'prod-eu' }, { issuerSelector: { env: 'prod' } });
const who = fc.oneof(
  fc.record({ namespace: fc.constantFrom('*', 'payments'), serviceAccount: fc.constantFrom('*', 'reporter') }),
  fc.constantFrom<object>({ claims: { repo: '1' } }, { claims: { repo: '*' } }, { claims: { repo: '*', env: '1' } }),
);
const subject = fc
  .tuple(part, who)
  .map(([a, b]) => ({ ...('claims' in b ? { issuerSelector: { env: 'prod' } } : a), ...b }));
const common = fc.record({
  subject,
  addresses: usually(['shared'], ['shared', 'alias'], []),
  expiresAt: usually<string | undefined>(undefined, '2026-11-22T08:00:00Z', '2026-11-23T08:00:00Z'),
  ttl: usually<object>(
    { outliveSubject: true },
    { max: '30m' },
    { default: '15m', max: '2h' },
    { outliveSubject: false },
  ),
  mode: usually<object>({ mode: 'enforce' }, { mode: 'shadow' }, { mode: 'report', until: '2026-12-01T00:00:00Z' }),
  when: usually<string | undefined>(undefined, ...TEXTS),
  replay: usually<string | undefined>(undefined, 'once'),
  shareAcrossPods: usually<boolean | undefined>(undefined, true),
});
const aws = fc.record({
  role: fc.constantFrom(...ROLES),
  intents: usually<unknown>('unrestricted', [READ], [READ_ALL], [READ, PUBLISH], [SECRET], [PUBLISH, SECRET]),
  residual: usually<object | undefined>(undefined, { accept: ['intents'], reason: 'none' }),
  binding: usually<string | undefined>(undefined, 'any'),
});
const specOf = fc.oneof(
  fc.tuple(common, aws).map(([{ mode, ...rest }, { role, binding, ...target }]) => ({
    ...rest,
    ...mode,
    ...target,
    subject: { ...rest.subject, ...('claims' in rest.subject ? {} : { binding }) },
    target: { aws: { roleArn: role, region: 'eu-west-1' } },
  })),
  fc.tuple(common, fc.constantFrom(['a1'], ['a1', 'a2'], ['m0'])).map(([{ mode, ...rest }, audiences]) => ({
    ...rest,
    ...mode,
    target: { jwtSvid: { audiences } },
  })),
);
const rail = fc.record(
  {
    match: fc.record(
      {
        issuers: fc.constantFrom(['prod-eu'], ['prod-eu', 'prod-us']),
        issuerLabels: fc.constantFrom({ env: 'prod' }, { env: 'test' }),
        notIssuerLabels: fc.constantFrom({ env: 'prod' }, { env: 'test' }),
        namespace: fc.constantFrom('*', 'payments'),
        targets: fc.constantFrom(['aws'], ['aws', 'jwtSvid']),
        mappings: fc.constantFrom(['m0'], ['m0', 'm1']),
      },
      { requiredKeys: [] },
    ),
    deny: usually<string | undefined>(undefined, ...TEXTS),
    maxTtl: fc.constantFrom('20m', '2h'),
    requirePodBound: fc.boolean(),
    requireIntents: fc.boolean(),
    modes: fc.constantFrom(['enforce'], ['enforce', 'report']),
  },
  { requiredKeys: ['maxTtl'] },
);

interface Set {
  readonly issuers: readonly Document[];
  readonly mappings: readonly object[];
  readonly rails: readonly object[];
}
const set: fc.Arbitrary<Set> = fc.record({
  issuers,
  mappings: fc.array(specOf, { minLength: 1, maxLength: 3 }),
  rails: fc.array(rail, { maxLength: 1 }),
});
/** Two sets of which the second differs by one field of one resource, one resource more or less, or two of these. */
const change = fc.tuple(set, set, fc.nat(), fc.boolean()).map(([before, other, seed, twice]) => {
  const once = changed(before, other, seed);
  return [before, twice ? changed(once, other, seed >> 5) : once] as const;
});

function changed(before: Set, other: Set, seed: number): Set {
  const at = seed % before.mappings.length;
  const [old = {}, now = {}] = [before.mappings[at], other.mappings[0]];
  const mixed = mixture(old, now, seed >> 3);
  switch (seed % 8) {
    case 0:
      return { ...before, mappings: before.mappings.filter((_, index) => index !== at) };
    case 1:
      return { ...before, rails: other.rails };
    case 2:
      return { ...before, rails: before.rails.map((one) => mixture(one, other.rails[0] ?? {}, seed >> 3)) };
    case 3:
      return { ...before, issuers: other.issuers };
    case 4:
      return { ...before, mappings: [...before.mappings, now] };
    default:
      return { ...before, mappings: before.mappings.map((one, index) => (index === at ? mixed : one)) };
  }
}

/** The first with one field of the second. */
function mixture(one: object, other: object, seed: number): object {
  const fields = Object.keys({ ...one, ...other });
  const field = fields[seed % fields.length] ?? '';
  return { ...one, [field]: Object.entries(other).find(([name]) => name === field)?.[1] };
}

function documentsOf({ issuers, mappings, rails }: Set): readonly Document[] {
  const named = mappings.map((spec, at) => ('intents' in spec ? awsMapping : svidMapping)(`m${at}`, spec));
  return [...issuers, ...named, ...rails.map((spec, at) => guardrail(`r${at}`, spec))];
}

const WHO: readonly VerifiedIdentity[] = [
  ...['prod-eu', 'prod-us'].flatMap((issuer) => [workload({ issuer }), unboundWorkload({ issuer })]),
  workload({ serviceAccount: 'other', expiresAt: NOW / 1000 + 600 }),
  workload({ namespace: 'sensors' }),
  ciJob({ repo: '1', env: '1' }),
  ciJob({ repo: '2' }),
];
const SCOPES = [
  [],
  ['object.read:reports/2026/11/'],
  ['object.read:reports'],
  ['secret.read:db'],
  ['queue.publish:events'],
];
const ASKS: readonly Ask[] = ['m0', 'm1', 'm2', 'm3', 'shared', 'alias', 'a1', 'a2', ...ROLES].flatMap((address) =>
  SCOPES.flatMap((scopes) =>
    [undefined, 900, 7200].map((ttl) => ask(address, { scopes, ...(ttl && { ttlSeconds: ttl }) })),
  ),
);

/** What a credential of AWS may do, by the text of its session policy: the statements, or everything. */
function powers({ grant }: Allowed): readonly string[] {
  if (grant.kind !== 'aws' || grant.policy === undefined) return ['*'];
  const { Statement: statements } = JSON.parse(grant.policy) as { Statement: { Action: unknown; Resource: unknown }[] };
  return statements.flatMap(({ Action, Resource }) =>
    [Action].flat().flatMap((action) => [Resource].flat().map((resource) => `${action} ${resource}`)),
  );
}

/** Whether the second holds nothing that the first did not. */
function isWithin(before: Allowed, after: Allowed): boolean {
  const thing = ({ grant, replay }: Allowed) => {
    const { mapping: _1, ttlSeconds: _2, enforcedBy: _3, shareAcrossPods, ...rest } = grant;
    const { policy: _4, ...bare } = { policy: undefined, ...rest };
    const shared = after.grant.shareAcrossPods === true && shareAcrossPods !== true;
    const tags = 'tags' in bare ? { ...bare.tags, 'carnet:mapping': '' } : {};
    return JSON.stringify({ ...bare, tags, shared, replay: after.replay === undefined ? replay : undefined });
  };
  const wide = powers(before);
  const covered = powers(after).every((one) =>
    wide.some((other) => other === '*' || one === other || (other.endsWith('*') && one.startsWith(other.slice(0, -1)))),
  );
  return covered && thing(before) === thing(after) && after.grant.ttlSeconds <= before.grant.ttlSeconds;
}

/** Something that somebody gets after and could by no wish get before. */
function gained(before: Snapshot, after: Snapshot): string | undefined {
  for (const identity of WHO) {
    const could = new Map<string, readonly Allowed[]>();
    for (const asked of ASKS) {
      const now = decide(after, identity, asked, NOW);
      if (now.outcome !== 'allowed') continue;
      const wishes = [...SCOPES, asked.scopes].flatMap((scopes) =>
        [undefined, now.grant.ttlSeconds, 7200].map((ttl) =>
          ask(asked.address, { scopes, ...(ttl && { ttlSeconds: ttl }) }),
        ),
      );
      const key = `${asked.address} ${now.grant.ttlSeconds}`;
      const known =
        could.get(key) ??
        wishes.flatMap((wish) => {
          const was = decide(before, identity, wish, NOW);
          return was.outcome === 'allowed' ? [was] : [];
        });
      could.set(key, known);
      if (!known.some((one) => isWithin(one, now))) return `${JSON.stringify(asked)} by ${JSON.stringify(identity)}`;
    }
  }
  return undefined;
}

test('whoever gets after a change what he could not get before, the change is called widening', () => {
  const seen = { gains: 0, narrow: 0 };
  fc.assert(
    fc.property(change, ([before, after]) => {
      const [old, now] = [compiled(documentsOf(before)).snapshot, compiled(documentsOf(after)).snapshot];
      const { widens } = wideningBetween(old, now, CONDITIONS);
      const gain = gained(old, now);
      if (gain !== undefined) seen.gains += 1;
      if (!widens && old.revision !== now.revision) seen.narrow += 1;
      if (gain !== undefined && !widens) throw new Error(`not called widening: ${gain}`);
    }),
    { numRuns: 3000 },
  );
  expect(seen.gains).toBeGreaterThan(200);
  expect(seen.narrow).toBeGreaterThan(100);
});
