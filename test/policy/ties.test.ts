import { describe, expect, test } from 'vitest';
import type { Compiled } from '../../src/policy/compile.ts';
import type { Document } from '../../src/resources/document.ts';
import {
  answer,
  ask,
  awsMapping,
  ci,
  ciJob,
  cluster,
  compiled,
  svidMapping,
  workload,
} from '../support/policy-builders.ts';

const ISSUERS = [
  cluster('prod-eu', { env: 'prod', region: 'eu' }),
  cluster('prod-us', { env: 'prod', region: 'us' }),
  ci('github', {}, { env: 'ci' }),
];
const EXACT = { namespace: 'payments', serviceAccount: 'reporter' };

function tied(documents: readonly Document[], seen: Readonly<Record<string, number>> = {}): readonly string[] {
  const { faults } = compiled([...ISSUERS, ...documents], { seen });
  return faults.filter(({ message }) => message.startsWith('ties with')).map(({ name }) => name ?? '');
}

function shared(name: string, subject: object): Document {
  return svidMapping(name, { subject, addresses: ['shared'], target: { jwtSvid: { audiences: [`aud-${name}`] } } });
}

function claims(name: string, set: Readonly<Record<string, string>>, issuer: object = { issuer: 'github' }): Document {
  const roleArn = `arn:aws:iam::123456789012:role/${name}`;
  return awsMapping(name, {
    subject: { ...issuer, claims: set },
    addresses: ['shared'],
    target: { aws: { roleArn, region: 'eu-west-1' } },
    ttl: { outliveSubject: true },
  });
}

describe('two mappings tie when neither is more specific for an identity that both match (DESIGN section 5)', () => {
  const eu = { issuer: 'prod-eu' };
  const byEnv = { issuerSelector: { env: 'prod' } };
  const byRegion = { issuerSelector: { region: 'eu' } };

  test.each<[string, object, object, boolean]>([
    ['the same subject', { ...eu, ...EXACT }, { ...eu, ...EXACT }, true],
    ['other ServiceAccounts', { ...eu, ...EXACT }, { ...eu, ...EXACT, serviceAccount: 'x' }, false],
    ['other issuers', { ...eu, ...EXACT }, { issuer: 'prod-us', ...EXACT }, false],
    ['another shape', { ...eu, ...EXACT }, { ...eu, ...EXACT, serviceAccount: '*' }, false],
    ['an issuer and a selector', { ...eu, ...EXACT }, { ...byEnv, ...EXACT }, false],
    ['selectors that share an issuer', { ...byEnv, ...EXACT }, { ...byRegion, ...EXACT }, true],
    ['selectors that share none', { issuerSelector: { region: 'us' }, ...EXACT }, { ...byRegion, ...EXACT }, false],
    [
      'one selector written in two orders',
      { issuerSelector: { env: 'x', region: 'y' }, ...EXACT },
      { issuerSelector: { region: 'y', env: 'x' }, ...EXACT },
      true,
    ],
  ])('%s', (_, one, other, ties) => {
    expect(tied([shared('one', one), shared('two', other)])).toEqual(ties ? ['one', 'two'] : []);
  });

  test.each<[string, Record<string, string>, Record<string, string>, boolean]>([
    ['the same claims', { a: '1' }, { a: '1' }, true],
    ['another value', { a: '1' }, { a: '2' }, false],
    ['a subset', { a: '1' }, { a: '1', b: '2' }, false],
    ['a value and a lone *', { a: '1' }, { a: '*' }, false],
    ['sets of which neither contains the other', { a: '1' }, { b: '2' }, true],
    ['such sets that agree where they meet', { a: '1', c: '3' }, { b: '2', c: '3' }, true],
    ['such sets that contradict each other', { a: '1', c: '3' }, { b: '2', c: '4' }, false],
    ['sets that a lone * keeps apart', { a: '1', b: '*' }, { a: '*', b: '2' }, true],
    ['a superset of values under a lone *', { a: '1', b: '2' }, { a: '*', b: '2' }, false],
  ])('claims: %s', (_, one, other, ties) => {
    expect(tied([claims('one', one), claims('two', other)])).toEqual(ties ? ['one', 'two'] : []);
    expect(tied([claims('one', other), claims('two', one)])).toEqual(ties ? ['one', 'two'] : []);
  });

  test('claims of other issuers and of an issuer against a selector do not tie', () => {
    const selected = claims('two', { b: '2' }, { issuerSelector: { env: 'ci' } });
    expect(tied([claims('one', { a: '1' }), selected])).toEqual([]);
    expect(tied([claims('one', { a: '1' }, { issuerSelector: { env: 'ci' } }), selected])).toEqual(['one', 'two']);
  });

  test('they tie at a shared alias, whatever their roles, and not without an address in common', () => {
    const other = { aws: { roleArn: 'arn:aws:iam::123456789012:role/other', region: 'eu-west-1' } };
    const both = (addresses: object) => [
      awsMapping('one', addresses),
      awsMapping('two', { ...addresses, target: other }),
    ];
    expect(tied(both({ addresses: ['shared'] }))).toEqual(['one', 'two']);
    expect(tied(both({}))).toEqual([]);
  });
});

describe('at an address that a cloud gave, a tie costs that address alone (adr/0018)', () => {
  const ROLE = 'arn:aws:iam::123456789012:role/reports';
  const target = { aws: { roleArn: ROLE, region: 'eu-west-1' } };
  const two = [awsMapping('one', { target }), awsMapping('two', { target })];
  const wide = awsMapping('wide', { target, subject: { issuer: 'prod-eu', namespace: '*', serviceAccount: '*' } });
  const warnings = (faults: Compiled['faults']) =>
    faults.filter(({ severity }) => severity === 'warning').map(({ name, message }) => `${name} ${message}`);

  test('the mapping that was first seen later leaves it to the other and answers to its own name', () => {
    const { snapshot, faults } = compiled([...ISSUERS, ...two], { seen: { one: 9, two: 3 } });
    const asked = (address: string) => answer(snapshot, workload(), ask(address));
    expect([asked('one'), asked('two'), asked(ROLE)]).toEqual(['allowed one', 'allowed two', 'allowed two']);
    expect(warnings(faults)).toEqual([
      `one leaves ${ROLE} to mapping two: neither is more specific for the same identity`,
    ]);
  });

  test('of two first seen in one revision neither has it, nor has a wider one, and both answer to their names', () => {
    const { snapshot, faults } = compiled([...ISSUERS, ...two, wide], { seen: { wide: 1, one: 4, two: 4 } });
    const asked = (address: string) => answer(snapshot, workload(), ask(address));
    expect([asked('one'), asked('two')]).toEqual(['allowed one', 'allowed two']);
    expect(asked(ROLE)).toBe('target_denied ambiguous_mapping');
    expect(warnings(faults).map((warning) => warning.split(',')[0])).toEqual([
      `one shares ${ROLE} with mapping two`,
      `two shares ${ROLE} with mapping one`,
    ]);
  });

  test('a chosen address that both have as well still costs the later one its place', () => {
    const aliased = two.map((_, at) => awsMapping(at === 0 ? 'one' : 'two', { target, addresses: ['shared'] }));
    const { snapshot } = compiled([...ISSUERS, ...aliased], { seen: { one: 1, two: 2 } });
    expect(answer(snapshot, workload(), ask('two'))).toBe('target_refused');
    expect(answer(snapshot, workload(), ask(ROLE))).toBe('allowed one');
  });

  test('a faulty mapping keeps to its name what it had left to another', () => {
    const typo = awsMapping('two', { target, twl: {} });
    const { snapshot } = compiled([...ISSUERS, awsMapping('one', { target }), typo], { seen: { one: 1, two: 2 } });
    expect(answer(snapshot, workload(), ask(ROLE))).toBe('allowed one');
    expect(answer(snapshot, workload(), ask('two'))).toBe('target_denied inactive');
  });
});

describe('of mappings that tie', () => {
  const subject = { issuer: 'prod-eu', ...EXACT };

  test('the one first seen later leaves, whatever their names and order', () => {
    const documents = [shared('one', subject), shared('two', subject)];
    for (const order of [documents, documents.toReversed()]) {
      const { snapshot, accepted } = compiled([...ISSUERS, ...order], { seen: { one: 9, two: 3 } });
      expect(answer(snapshot, workload(), ask('shared'))).toBe('allowed two');
      expect(answer(snapshot, workload(), ask('one'))).toBe('target_refused');
      expect(accepted.map(({ name }) => name)).not.toContain('one');
    }
  });

  test('a new one leaves before one that is known', () => {
    expect(tied([shared('one', subject), shared('two', subject)], { two: 1 })).toEqual(['one']);
  });

  test('both leave when they were first seen in one revision', () => {
    expect(tied([shared('one', subject), shared('two', subject)], { one: 4, two: 4 })).toEqual(['one', 'two']);
  });

  test('one that ties only with one that leaves may stay', () => {
    const documents = [claims('first', { a: '1' }), claims('second', { b: '2' }), claims('third', { a: '1', b: '3' })];
    expect(tied(documents, { first: 1, second: 2, third: 3 })).toEqual(['second']);
    const chain = [
      claims('first', { a: '1', x: '1' }),
      claims('second', { b: '1' }),
      claims('third', { c: '1', x: '2' }),
    ];
    expect(tied(chain, { first: 1, second: 2, third: 3 })).toEqual(['second']);
  });

  test('each is held against all that came before it, the last one too', () => {
    const documents = [
      claims('m1', { a: '1', x: '1' }),
      claims('m2', { c: '1', x: '2' }),
      claims('m3', { a: '2', x: '3' }),
      claims('m4', { d: '1', x: '3' }),
    ];
    expect(tied(documents, { m1: 1, m2: 2, m3: 3, m4: 4 })).toEqual(['m4']);
  });

  test('a quarantined mapping holds its place against a later one', () => {
    const typo = svidMapping('old', { subject, addresses: ['shared'], twl: {} });
    const { snapshot } = compiled([...ISSUERS, typo, shared('new', subject)], { seen: { old: 1, new: 2 } });
    expect(answer(snapshot, workload(), ask('shared'))).toBe('target_denied inactive');
  });

  test('a shadow ties with nobody', () => {
    const shadow = svidMapping('shadow', { subject, addresses: ['shared'], mode: 'shadow' });
    expect(tied([shared('one', subject), shadow])).toEqual([]);
  });

  test('a thousand that all tie are all found', () => {
    const many = Array.from({ length: 1000 }, (_, at) => claims(`m${at}`, { [`k${at % 40}`]: '1' }));
    expect(tied(many, { m0: 1 })).toHaveLength(999);
    expect(
      answer(compiled([...ISSUERS, ...many], { seen: { m0: 1 } }).snapshot, ciJob({ k0: '1' }), ask('shared')),
    ).toBe('allowed m0');
  });
});
