import { describe, expect, test } from 'vitest';
import { memoryKeyOwnership, type SharedKey } from '../../src/verifiers/key-ownership.ts';

function ownership() {
  const alarms: SharedKey[] = [];
  return { alarms, owns: memoryKeyOwnership((shared) => alarms.push(shared)) };
}

describe('ownership of a public key (DESIGN section 5, K3)', () => {
  test('goes to whoever shows it first, and the other one raises one alarm however often it shows it', () => {
    const { owns, alarms } = ownership();
    owns.show('edge-7', ['t1', 't2'], 'fetched');
    for (let times = 0; times < 3; times += 1) owns.show('edge-8', ['t1', 't3'], 'fetched');
    expect([owns.owner('t1'), owns.owner('t2'), owns.owner('t3')]).toEqual(['edge-7', 'edge-7', 'edge-8']);
    expect(alarms).toEqual([{ thumbprint: 't1', owner: 'edge-7', other: 'edge-8' }]);
  });

  test('goes over to a static holder, which nobody takes it from', () => {
    const { owns, alarms } = ownership();
    owns.show('edge-7', ['t1'], 'fetched');
    owns.show('edge-8', ['t1'], 'static');
    owns.show('edge-7', ['t1'], 'fetched');
    owns.show('edge-9', ['t1'], 'static');
    expect(owns.owner('t1')).toBe('edge-8');
    expect(alarms.map(({ owner, other }) => `${owner}<${other}`)).toEqual(['edge-8<edge-7', 'edge-8<edge-9']);
  });

  test('is remembered after the key is no longer shown, and ends with its owner', () => {
    const { owns } = ownership();
    owns.show('edge-7', ['t1'], 'fetched');
    owns.show('edge-7', [], 'fetched');
    owns.show('edge-8', ['t1'], 'fetched');
    expect(owns.owner('t1')).toBe('edge-7');
    owns.release('edge-7');
    expect(owns.owner('t1')).toBeUndefined();
    owns.show('edge-8', ['t1'], 'fetched');
    expect(owns.owner('t1')).toBe('edge-8');
  });

  test('of a static holder ends when its set no longer holds the key: a mistake can be taken back', () => {
    const { owns } = ownership();
    owns.show('edge-7', ['t1'], 'fetched');
    owns.show('edge-8', ['t1', 't2'], 'static');
    owns.show('edge-8', ['t2'], 'static');
    expect([owns.owner('t1'), owns.owner('t2')]).toEqual([undefined, 'edge-8']);
    owns.claim('edge-7', 't1', 'fetched');
    owns.claim('edge-7', 't2', 'fetched');
    expect([owns.owner('t1'), owns.owner('t2')]).toEqual(['edge-7', 'edge-8']);
  });

  test('of a static holder that now fetches goes on, but no longer before another static one', () => {
    const { owns } = ownership();
    owns.show('edge-7', ['t1', 't2'], 'static');
    owns.show('edge-7', ['t1'], 'fetched');
    owns.show('edge-8', ['t2'], 'fetched');
    expect([owns.owner('t1'), owns.owner('t2')]).toEqual(['edge-7', 'edge-8']);
    owns.show('edge-9', ['t1'], 'static');
    expect(owns.owner('t1')).toBe('edge-9');
  });

  test('claimed of an unowned key takes no other key away', () => {
    const { owns } = ownership();
    owns.show('edge-7', ['t1'], 'static');
    owns.claim('edge-7', 't2', 'static');
    expect([owns.owner('t1'), owns.owner('t2')]).toEqual(['edge-7', 'edge-7']);
  });

  test('of one issuer is bounded, so that rotating for ever takes nothing from others', () => {
    const { owns } = ownership();
    owns.show('edge-7', ['t'], 'fetched');
    owns.show(
      'hostile',
      Array.from({ length: 10_000 }, (_, index) => `h${index}`),
      'fetched',
    );
    expect([owns.owner('t'), owns.owner('h0'), owns.owner('h9999')]).toEqual(['edge-7', undefined, 'hostile']);
  });
});
