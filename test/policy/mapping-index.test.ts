import { describe, expect, test } from 'vitest';
import type { VerifiedIdentity } from '../../src/core/identity.ts';
import { whole } from '../../src/core/steps.ts';
import type { CompiledMapping } from '../../src/policy/compiled-mapping.ts';
import { MappingIndex } from '../../src/policy/mapping-index.ts';
import { type IssuerPart, type Subject, selectorText, type Who } from '../../src/policy/subject.ts';
import { ci, ciJob, cluster, snapshotOf, workload } from '../support/policy-builders.ts';

const { issuers } = snapshotOf(
  cluster('prod-eu', { env: 'prod' }),
  cluster('prod-us', { env: 'prod' }),
  ci('github', { spiffePath: '/ci/{claims.repo}' }, { env: 'ci' }),
);
const EU: IssuerPart = { kind: 'name', name: 'prod-eu' };
const GITHUB: IssuerPart = { kind: 'name', name: 'github' };

function selector(labels: Readonly<Record<string, string>>): IssuerPart {
  return { kind: 'selector', labels, text: selectorText(labels) };
}

function mapping(name: string, subject: Subject, addresses: readonly string[] = ['shared']): CompiledMapping {
  return { name, subject, addresses, cloudAddresses: [], state: { kind: 'inactive', why: 'for the index alone' } };
}

function pair(namespace: string, serviceAccount: string): Who {
  return { kind: 'workload', namespace, serviceAccount };
}

function names(index: MappingIndex, identity: VerifiedIdentity, address = 'shared'): readonly string[] {
  return index
    .candidates(identity, address)
    .matching.map(({ name }) => name)
    .sort();
}

describe('the index', () => {
  test('finds every shape that matches an identity, by issuer and by selector', () => {
    const index = new MappingIndex(
      [
        mapping('spiffe', { issuer: EU, who: { kind: 'spiffeId', spiffeId: workload().spiffeId ?? '' } }),
        mapping('pair', { issuer: EU, who: pair('payments', 'reporter') }),
        mapping('selected', { issuer: selector({ env: 'prod' }), who: pair('payments', '*') }),
        mapping('account', { issuer: EU, who: pair('*', 'reporter') }),
        mapping('any', { issuer: EU, who: pair('*', '*') }),
        mapping('other', { issuer: EU, who: pair('payments', 'other') }),
        mapping('elsewhere', { issuer: EU, who: pair('payments', 'reporter') }, ['elsewhere']),
      ],
      issuers,
    );
    expect(names(index, workload())).toEqual(['account', 'any', 'pair', 'selected', 'spiffe']);
    expect(names(index, workload({ issuer: 'prod-us' }))).toEqual(['selected']);
    expect(names(index, workload(), 'elsewhere')).toEqual(['elsewhere']);
    expect(index.size).toBe(7);
  });

  test('keeps parts apart whatever characters they hold', () => {
    const who: Who = { kind: 'claims', claims: { a: 'x","y', b: 'z' } };
    const index = new MappingIndex([mapping('m', { issuer: GITHUB, who })], issuers);
    expect(names(index, ciJob({ a: 'x","y', b: 'z' }))).toEqual(['m']);
    expect(names(index, ciJob({ a: 'x', b: 'y","z' }))).toEqual([]);
    expect(names(index, ciJob({ a: 'x","y', b: 'z' }), 'shared","x')).toEqual([]);
  });

  test('never takes a claim for a Kubernetes field', () => {
    const index = new MappingIndex([mapping('m', { issuer: GITHUB, who: pair('payments', 'reporter') })], issuers);
    expect(names(index, ciJob({ namespace: 'payments', serviceAccount: 'reporter' }))).toEqual([]);
  });

  test('looks for those shapes of subject only that some mapping has, whatever has come and gone', () => {
    const exact = mapping('exact', { issuer: EU, who: pair('payments', 'reporter') });
    const wide = mapping('wide', { issuer: EU, who: pair('payments', '*') }, ['elsewhere']);
    const index = new MappingIndex([exact], issuers);
    expect(index.candidates(workload(), 'shared')).toEqual({ matching: [exact], examined: 3 });
    const wider = whole(index.changed({ gone: [], fresh: [wide] }, issuers));
    expect(wider.candidates(workload(), 'shared')).toEqual({ matching: [exact], examined: 4 });
    expect(wider.candidates(workload(), 'elsewhere')).toEqual({ matching: [wide], examined: 4 });
    const narrower = whole(wider.changed({ gone: [exact], fresh: [] }, issuers));
    expect(narrower.candidates(workload(), 'shared')).toEqual({ matching: [], examined: 2 });
    expect(narrower.candidates(workload(), 'elsewhere')).toEqual({ matching: [wide], examined: 3 });
  });

  test('examines one probe for an issuer that is not there', () => {
    const index = new MappingIndex([mapping('m', { issuer: EU, who: pair('*', '*') })], issuers);
    expect(index.candidates(workload({ issuer: 'gone' }), 'shared')).toEqual({ matching: [], examined: 1 });
  });
});

describe('candidates examined are as many at 100,000 mappings as at 10', () => {
  const mine = mapping('mine', { issuer: EU, who: pair('payments', 'reporter') });
  const myClaims = mapping('claims', {
    issuer: GITHUB,
    who: { kind: 'claims', claims: { repo: 'mine', env: 'prod' } },
  });

  function examined(count: number, one: (at: number) => Partial<CompiledMapping> & { subject: Subject }): number[] {
    const others = Array.from({ length: count }, (_, at) => ({ ...mapping(`m${at}`, one(at).subject), ...one(at) }));
    const index = new MappingIndex([...others, mine, myClaims], issuers);
    const found = [
      index.candidates(workload(), 'shared'),
      index.candidates(ciJob({ repo: 'mine', env: 'prod' }), 'shared'),
    ];
    expect(found.map(({ matching }) => matching.map(({ name }) => name))).toEqual([['mine'], ['claims']]);
    return found.map((each) => each.examined);
  }

  test.each<[string, (at: number) => Partial<CompiledMapping> & { subject: Subject }]>([
    ['each has an address of its own', (at) => ({ subject: mine.subject, addresses: [`a${at}`] })],
    ['all share one address', (at) => ({ subject: { issuer: EU, who: pair('payments', `sa-${at}`) } })],
    ['all share it in namespaces of their own', (at) => ({ subject: { issuer: EU, who: pair(`ns-${at}`, '*') } })],
    [
      'all share it and are selected by labels',
      (at) => ({
        subject: { issuer: selector({ env: 'prod' }), who: pair('payments', `sa-${at}`) },
      }),
    ],
    [
      'all share it with selectors of their own',
      (at) => ({
        subject: { issuer: selector({ env: 'prod', [`l${at % 50}`]: 'x' }), who: pair('payments', `sa-${at}`) },
      }),
    ],
    [
      'all share it for one workload of many issuers',
      (at) => ({
        subject: { issuer: { kind: 'name', name: `cluster-${at}` }, who: pair('payments', 'reporter') },
      }),
    ],
    [
      'all share it with claims',
      (at) => ({
        subject: { issuer: GITHUB, who: { kind: 'claims', claims: { repo: `r${at}`, env: 'prod' } } },
      }),
    ],
  ])('when %s', (_, one) => {
    const ten = examined(10, one);
    expect(examined(1000, one)).toEqual(ten);
    expect(examined(100_000, one)).toEqual(ten);
    expect(Math.max(...ten)).toBeLessThan(16);
  });
});
