import { expect, test } from 'vitest';
import { type Compiled, compile } from '../../src/policy/compile.ts';
import { CelConditions } from '../../src/policy/conditions/cel-conditions.ts';
import { RememberedConditions } from '../../src/policy/conditions/remembered-conditions.ts';
import { decideAloud } from '../../src/policy/decide.ts';
import type { MappingIndex } from '../../src/policy/mapping-index.ts';
import type { Document, Kind, ValidDocument } from '../../src/resources/document.ts';
import {
  ask,
  ci,
  ciJob,
  cluster,
  document,
  guardrail,
  NOW,
  ROLE,
  valid,
  workload,
} from '../support/policy-builders.ts';
import { fc } from '../support/properties.ts';

const { constantFrom, record, uniqueArray } = fc;
/** One in ten. */
const seldom = <T>(one: T, ...others: T[]) =>
  fc.oneof({ weight: 1, arbitrary: fc.constant(one) }, { weight: 9, arbitrary: constantFrom(...others) });
type Make = () => Document;

/** Small pools, so that names, addresses, audiences and subjects get in each other's way. */
const NAMES = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'] as const;
const ADDRESSES = ['one', 'two', 'team', 'shared', 'ledger', 'other'] as const;
const SCOPED = { issuer: 'https://idp', subject: 'ann', as: ['team'], scoped: true } as const;

const env = constantFrom('prod', 'test');
const workloads = {
  namespace: constantFrom('*', 'payments'),
  serviceAccount: constantFrom('*', 'reporter', 'a', 'b', 'c'),
};
const claims = fc.dictionary(constantFrom('sub', 'ref', 'repository'), constantFrom('*', 'a', 'b'), { minKeys: 1 });
const subject = fc.oneof(
  record({ issuer: seldom('nobody', 'prod-eu', 'prod-us'), ...workloads }),
  record({ issuerSelector: record({ env }), ...workloads }),
  record({ issuer: constantFrom('github', 'gitlab'), claims }),
  record({ issuerSelector: record({ env }), claims }),
);
const audience = constantFrom('ledger', 'one', 'shared', 'Ledger/', 'https://ledger', 'api', 'sts.amazonaws.com');
const target = fc.oneof(
  record({ jwtSvid: record({ audiences: uniqueArray(audience, { minLength: 1, maxLength: 2 }) }) }),
  constantFrom(ROLE, `${ROLE}-2`, `${ROLE}-3`).map((roleArn) => ({ aws: { roleArn, region: 'eu-west-1' } })),
  constantFrom({ x509Svid: {} }, { oauth: { issuer: 'https://ledger', audience: 'ledger' } }),
);
const spec = record(
  {
    owner: constantFrom('ann', 'bob'),
    intents: fc.constant('unrestricted'),
    subject,
    target,
    addresses: uniqueArray(constantFrom(...ADDRESSES), { maxLength: 1 }),
    mode: constantFrom('enforce', 'shadow'),
    when: seldom('no condition', 'identity.namespace == "payments"', 'identity.kind == "oidc"'),
    ttl: seldom<object | number>(1, { max: '1h' }, { default: '20m' }),
  },
  { requiredKeys: ['owner', 'intents', 'subject', 'target'] },
);
const mapping = record({
  name: constantFrom(...NAMES),
  spec,
  source: seldom('b.yaml', 'a.yaml'),
  isScoped: seldom(true, false),
}).map(({ name, spec: of, source, isScoped }): Make => {
  return () => document('FederationMapping', name, of, { source, ...(isScoped && { author: SCOPED }) });
});
const issuer = fc.oneof(
  fc
    .tuple(constantFrom('prod-eu', 'prod-us'), env, constantFrom('a.yaml', 'b.yaml'))
    .map(([name, of, source]): Make => {
      return () => cluster(name, { env: of }, { source });
    }),
  fc.tuple(constantFrom('github', 'gitlab'), env).map(
    ([name, of]): Make =>
      () =>
        ci(name, {}, { env: of }),
  ),
  constantFrom('prod-eu', 'github').map(
    (name): Make =>
      () =>
        document('TrustedIssuer', name, {}),
  ),
  // Another issuer of the same `iss`.
  fc.constant<Make>(() => ({ ...cluster('prod-eu', { env: 'prod' }), name: 'twin' })),
);
const ceiling = fc.oneof(
  constantFrom({ maxTtl: '10m' }, { deny: 'true' }, { deny: 'no condition' }, { match: { mappings: ['one'] } }).map(
    (of): Make => {
      return () => guardrail('cap', of);
    },
  ),
  constantFrom({ to: { audiences: ['*'] } }, { to: { accounts: ['123456789012'] }, maxTtl: '1h' }, {}).map(
    (of): Make => {
      return () => document('FederationGrant', 'all', of);
    },
  ),
);
const step = record({
  puts: fc.array(
    fc.oneof({ weight: 30, arbitrary: mapping }, { weight: 2, arbitrary: issuer }, { weight: 3, arbitrary: ceiling }),
    { maxLength: 4 },
  ),
  /** Counted from the newest. */
  gone: fc.array(fc.nat(20), { maxLength: 2 }),
  /** Another replica had seen one of them earlier. */
  reordered: fc.option(fc.nat(20)),
  forgetsConditions: fc.boolean(),
  /** How many compilations ago the one was that is in force. */
  former: fc.nat(3),
});

const CALLERS = [
  workload(),
  workload({ issuer: 'prod-us', serviceAccount: 'other' }),
  ciJob({ sub: 'a', ref: 'a', repository: 'b' }),
  ciJob({ sub: 'a' }, { issuer: 'gitlab' }),
];
const ASKED = [...NAMES, ...ADDRESSES, 'https://ledger', ROLE];

const inOrder = (list: Iterable<unknown>) => [...list].map((one) => JSON.stringify(one)).toSorted();

function shown({ snapshot, faults, refused, accepted, mappingNames }: Compiled) {
  const { revision, mappings, shadows, guardrails, issuers } = snapshot;
  const asked = CALLERS.flatMap((caller) => ASKED.map((address) => ({ caller, address })));
  const found = (index: MappingIndex) =>
    asked.map(({ caller, address }) => {
      const { matching, examined } = index.candidates(caller, address);
      return [examined, inOrder(matching)];
    });
  const decided = asked.map(({ caller, address }) => JSON.stringify(decideAloud(snapshot, caller, ask(address), NOW)));
  const lists = [mappings.all, shadows.all, guardrails, issuers.byName, faults, refused, accepted, mappingNames];
  return { revision, lists: lists.map(inOrder), found: [mappings, shadows].map(found), decided };
}

const keyOf = ({ kind, name, source }: Document) => `${kind} ${name} ${source.id}`;

/** As the catalog asks: nothing that is good in the compilation before, and is here again, needs a last good version. */
function needed(good: Iterable<ValidDocument>, documents: readonly Document[], former: Compiled | undefined) {
  const named = (kind: Kind, name: string) => `${kind} ${name}`;
  const unsettled = documents.filter((one) => former?.accepts(one) !== true);
  const names = new Set(unsettled.map(({ kind, name }) => named(kind, name)));
  return [...good].filter(({ kind, name }) => names.has(named(kind, name)));
}

test('what is compiled from an earlier compilation is what is compiled from nothing', () => {
  let reused = 0;
  const context = {
    trustDomain: 'example.org',
    ownIssuers: ['https://carnet'],
    requireGrants: false,
    development: false,
  };
  const fresh = () => new RememberedConditions(new CelConditions());
  fc.assert(
    fc.property(fc.array(step, { minLength: 3, maxLength: 20, size: 'max' }), (steps) => {
      const first = [
        cluster('prod-eu', { env: 'prod' }),
        cluster('prod-us', { env: 'test' }),
        ci('github'),
        ci('gitlab'),
      ];
      const held = new Map(first.map((one) => [keyOf(one), one]));
      const ages = new Map<string, number>();
      const good = new Map<string, ValidDocument>();
      const formers: Compiled[] = [];
      let conditions = fresh();
      for (const [at, { puts, gone, reordered, forgetsConditions, former: ago }] of steps.entries()) {
        for (const index of gone) held.delete([...held.keys()].at(-1 - index) ?? '');
        for (const make of puts) held.set(keyOf(make()), make());
        for (const key of [...ages.keys(), ...good.keys()]) {
          if (held.has(key)) continue;
          ages.delete(key);
          good.delete(key);
        }
        for (const key of held.keys()) ages.set(key, ages.get(key) ?? at);
        const earlier = [...ages.keys()][reordered ?? -1];
        if (earlier !== undefined) ages.set(earlier, -1);
        if (forgetsConditions) conditions = fresh();
        const documents = [...held.values()];
        const then = new Map(ages);
        const input = { documents, firstSeen: (one: Document) => then.get(keyOf(one)), context };
        const former = formers.at(-1 - ago) ?? formers.at(-1);
        const lastGood = needed(good.values(), documents, former);
        const next = compile({ ...input, lastGood, conditions, former });
        const anew = compile({ ...input, lastGood: [...good.values()], conditions: fresh() });
        expect(shown(next)).toEqual(shown(anew));
        expect(documents.filter(next.accepts)).toEqual(documents.filter(anew.accepts));
        const before = new Set(former?.snapshot.mappings.all);
        reused += next.snapshot.mappings.all.filter((one) => before.has(one)).length;
        for (const one of next.accepted) good.set(keyOf(one), valid(one));
        formers.push(next);
      }
    }),
    { numRuns: 150 },
  );
  expect(reused).toBeGreaterThan(20);
});
