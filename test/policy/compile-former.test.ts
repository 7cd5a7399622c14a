import { describe, expect, test } from 'vitest';
import { type Compiled, compile } from '../../src/policy/compile.ts';
import type { MappingIndex } from '../../src/policy/mapping-index.ts';
import type { Document } from '../../src/resources/document.ts';
import {
  awsMapping,
  ci,
  ciJob,
  cluster,
  compiled,
  document,
  guardrail,
  ROLE,
  svidMapping,
  valid,
  workload,
} from '../support/policy-builders.ts';
import { fc } from '../support/properties.ts';

const CONTEXT = { trustDomain: 'example.org', ownIssuers: [], requireGrants: true, development: false };
const SCOPED = { author: { issuer: 'https://idp', subject: 'ann', as: ['team'], scoped: true } } as const;

/** What a place may hold, one after the other: names, addresses and audiences that get in each other's way. */
const PLACES: readonly (readonly (() => Document)[])[] = [
  [
    () => cluster('prod-eu', { env: 'prod' }),
    () => cluster('prod-eu', { env: 'test' }),
    () => document('TrustedIssuer', 'prod-eu', {}),
  ],
  [() => ci('github'), () => cluster('spare', { env: 'prod' })],
  [
    () => document('FederationGrant', 'all', { to: { audiences: ['*'] } }),
    () => document('FederationGrant', 'all', { to: { accounts: ['123456789012'] }, maxTtl: '1h' }),
  ],
  [() => guardrail('cap', { maxTtl: '1h' })],
  [() => svidMapping('one'), () => svidMapping('one', { addresses: ['two'] }), () => svidMapping('one', { ttl: 1 })],
  [
    () => svidMapping('two', { subject: { issuer: 'prod-eu', namespace: '*', serviceAccount: '*' } }),
    () => svidMapping('two', { replay: 'once' }, SCOPED),
    () => svidMapping('two', { mode: 'shadow' }),
  ],
  [
    () => svidMapping('three', { target: { jwtSvid: { audiences: ['one'] } } }),
    () => svidMapping('three', { target: { jwtSvid: { audiences: ['sts.amazonaws.com'] } } }),
    () => svidMapping('three', { when: 'identity.namespace == "payments"' }),
    () =>
      svidMapping('three', {
        subject: { issuerSelector: { env: 'prod' }, namespace: 'payments', serviceAccount: 'reporter' },
      }),
  ],
  [
    () => awsMapping('four', {}, SCOPED),
    () => awsMapping('four', { addresses: ['one'] }),
    () => svidMapping('four', { target: { x509Svid: {} } }),
    () => svidMapping('four', { subject: { issuer: 'github', claims: { sub: 'repo' } } }),
  ],
  [
    () => awsMapping('six'),
    () =>
      awsMapping('six', { subject: { issuerSelector: { env: 'prod' }, namespace: 'payments', serviceAccount: '*' } }),
    () => shared('six', { sub: 'repo', ref: '*' }),
    () => shared('six', { ref: 'main' }),
  ],
  [() => awsMapping('seven'), () => shared('seven', { sub: 'repo' }), () => shared('seven', { sub: 'other' })],
  [
    () => shared('eight', { repository: 'shop', ref: 'main' }),
    () => shared('eight', { ref: '*', repository: 'shop' }),
    () => shared('eight', { ref: 'main', sub: 'repo' }, { mode: 'shadow' }),
  ],
  [
    () => svidMapping('one', {}, { source: 'b.yaml' }),
    () => svidMapping('five', { target: { oauth: { issuer: 'https://ledger', audience: 'ledger' } } }),
  ],
];

function shared(name: string, claims: object, more: object = {}): Document {
  return svidMapping(name, {
    subject: { issuer: 'github', claims },
    target: { x509Svid: {} },
    addresses: ['shared'],
    ...more,
  });
}

const STEPS = fc.array(fc.record({ place: fc.nat(PLACES.length - 1), version: fc.option(fc.nat(3)) }), {
  minLength: 2,
  maxLength: 24,
});

const CALLERS = [workload(), ciJob({ sub: 'repo', ref: 'main', repository: 'shop' }), ciJob({ ref: 'main' })];
const ADDRESSES = ['one', 'two', 'four', 'ledger', 'shared', ROLE];

function found(index: MappingIndex) {
  const candidates = CALLERS.flatMap((caller) => ADDRESSES.map((address) => index.candidates(caller, address)));
  return candidates.map(({ matching, examined }) => [examined, ...matching.map(({ name }) => name).toSorted()]);
}

function shown({ snapshot, faults, refused, accepted }: Compiled) {
  const { mappings, shadows, ...rest } = snapshot;
  const inOrder = (list: readonly object[]) => list.map((one) => JSON.stringify(one)).toSorted();
  const lists = { mappings: mappings.all, shadows: shadows.all, faults, refused, accepted };
  const sorted = Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, inOrder(list)]));
  return { ...rest, grants: null, ...sorted, found: [found(mappings), found(shadows)] };
}

describe('a compilation that begins with a former one', () => {
  test('gives what one from nothing gives, after whatever changes', () => {
    let reused = 0;
    fc.assert(
      fc.property(STEPS, (steps) => {
        const held = new Map<number, Document>();
        const seen = new Map<Document, number>();
        let former: Compiled | undefined;
        for (const [at, { place, version }] of steps.entries()) {
          const make = version === null ? undefined : PLACES[place]?.[version];
          if (make === undefined) held.delete(place);
          else held.set(place, make());
          const documents = [...held.values()];
          for (const one of documents) seen.set(one, seen.get(one) ?? at);
          const input = {
            documents,
            firstSeen: (one: Document) => seen.get(one),
            lastGood: former?.accepted.filter(({ name }) => name !== 'one') ?? [],
            context: CONTEXT,
          };
          const next = compile({ ...input, former });
          expect(shown(next)).toEqual(shown(compile(input)));
          const before = new Set(former?.snapshot.mappings.all);
          reused += next.snapshot.mappings.all.filter((one) => before.has(one)).length;
          former = next;
        }
      }),
      { numRuns: 600 },
    );
    expect(reused).toBeGreaterThan(300);
  });

  const others = [cluster('prod-eu'), ...Array.from({ length: 20 }, (_, at) => svidMapping(`m${at}`, at20(at)))];

  function at20(at: number) {
    return { subject: { issuer: 'prod-eu', namespace: 'n', serviceAccount: `s${at}` } };
  }

  test('compiles the mapping that changed and takes the others as they are', () => {
    const former = compiled(others);
    const context = former.reusable.context;
    const firstSeen = () => undefined;
    const documents = [...others.slice(0, -1), svidMapping('m19', { ...at20(19), owner: 'b' })];
    const next = compile({ documents, firstSeen, lastGood: [], context, former });
    const before = new Set(former.snapshot.mappings.all);
    expect(next.snapshot.mappings.all.filter((one) => !before.has(one)).map(({ name }) => name)).toEqual(['m19']);
  });

  test.each([
    ['an issuer', [cluster('prod-eu'), ...others.slice(1)], {}],
    ['a grant', [...others, valid(document('FederationGrant', 'g', { to: { audiences: ['*'] } }))], {}],
    ['the configuration', others, { requireGrants: true }],
  ])('compiles all of them anew when %s is another', (_, documents, more) => {
    const former = compiled(others);
    const context = Object.keys(more).length === 0 ? former.reusable.context : { ...former.reusable.context, ...more };
    const next = compile({ documents, firstSeen: () => undefined, lastGood: [], context, former });
    expect(next.snapshot.mappings.size).toBe(20);
    const before = new Set(former.snapshot.mappings.all);
    expect(next.snapshot.mappings.all.filter((one) => before.has(one))).toEqual([]);
  });
});
