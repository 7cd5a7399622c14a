import { isIP } from 'node:net';
import { describe, expect, test } from 'vitest';
import { refusal } from '../../src/outbound/addresses.ts';
import { fc } from '../support/properties.ts';

const PUBLIC = ['8.8.8.8', '1.1.1.1', '100.63.255.255', '172.32.0.1', '2606:4700::1111', '2a00:1450:4001::1'];
const PRIVATE = [
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '100.64.0.1',
  'fd12:3456::1',
  '127.0.0.1',
  '127.1.2.3',
  '::1',
];
const NEVER = [
  ['0.0.0.0', 'unspecified'],
  ['0.1.2.3', 'unspecified'],
  ['255.255.255.255', 'broadcast'],
  ['224.0.0.1', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['192.0.0.192', 'reserved'],
  ['198.18.0.1', 'reserved'],
  ['169.254.169.254', 'linkLocal'],
  ['169.254.170.2', 'linkLocal'],
  ['168.63.129.16', 'metadata service'],
  ['100.100.100.200', 'metadata service'],
  ['fd00:ec2::254', 'metadata service'],
  ['fd20:ce::254', 'metadata service'],
  ['::', 'unspecified'],
  ['fe80::1', 'linkLocal'],
  ['ff02::1', 'multicast'],
  ['fec0::1', 'deprecatedSiteLocal'],
  ['2002:7f00:1::', '6to4'],
  ['2001:0:7f00:1::', 'teredo'],
  ['::7f00:1', 'reserved'],
  ['::ffff:0:7f00:1', 'rfc6145'],
  ['64:ff9b:1::7f00:1', 'rfc6052'],
  ['4000::1', 'reserved'],
] as const;

describe('the address rule', () => {
  test.each(PUBLIC)('lets a public origin be at %s, listed or not (V12)', (address) => {
    expect(refusal(address, 'public')).toBeUndefined();
    expect(refusal(address, 'listed')).toBeUndefined();
    expect(refusal(address, 'loopback')).toBeDefined();
  });

  test.each(PRIVATE)('lets only a listed origin be at %s (V12)', (address) => {
    expect(refusal(address, 'public')).toBeDefined();
    expect(refusal(address, 'listed')).toBeUndefined();
  });

  test.each(NEVER)('lets no origin be at %s, because it is %s (V12)', (address, rule) => {
    expect(refusal(address, 'public')).toBeDefined();
    expect(refusal(address, 'listed')).toBe(rule);
    expect(refusal(address, 'loopback')).toBeDefined();
  });

  test.each(['::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '2002:808:808::'])(
    'never takes %s for public, though the address inside is (V12)',
    (address) => expect(refusal(address, 'public')).toBeDefined(),
  );

  test.each(['::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe', '64:ff9b::a83f:8110', '::ffff:224.0.0.1'])(
    'judges a listed origin at %s by the address inside (V12)',
    (address) => expect(refusal(address, 'listed')).toBeDefined(),
  );

  test.each(['fe80::1%eth0', '2606:4700::1%1', 'localhost', '', '1.2.3', '0x7f.1', '::1\0', '1.2.3.4 '])(
    'takes %j for no address at all',
    (address) => {
      for (const reach of ['public', 'listed', 'loopback'] as const) expect(refusal(address, reach)).toBeDefined();
    },
  );

  test('takes 127/8 and ::1 and nothing else for loopback', () => {
    for (const address of ['127.0.0.1', '127.255.255.254', '::1']) expect(refusal(address, 'loopback')).toBeUndefined();
    for (const address of ['128.0.0.1', '126.255.255.255', '::2', '10.0.0.1']) {
      expect(refusal(address, 'loopback')).toBeDefined();
    }
  });

  test('gives a public origin never more than a listed one, whatever the address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        if (isIP(address) !== 0 && refusal(address, 'public') === undefined) {
          expect(refusal(address, 'listed')).toBeUndefined();
        }
      }),
    );
  });
});
