import { describe, expect, test } from 'vitest';
import { compile } from '../../src/policy/compile.ts';
import type { Fault } from '../../src/resources/document.ts';
import { readiness } from '../../src/routes/readiness.ts';

const { snapshot } = compile({
  documents: [],
  firstSeen: () => 1,
  lastGood: [],
  context: { trustDomain: 'example.org', ownIssuers: [], requireGrants: false },
});

type Parts = Parameters<typeof readiness>[0];

function parts(changes: Partial<Parts> = {}): Parts {
  return {
    audit: { state: () => ({ ok: true }) },
    rotator: { state: () => ({ state: 'ok' }) },
    cache: { state: () => ({ ok: true }) },
    store: {},
    catalog: { current: () => snapshot, faults: () => [] },
    keys: { state: () => [{ issuer: 'edge-7', ok: true, usableKeys: 1, skippedKeys: 0 }] },
    origins: { allowOrigins: [], development: false },
    ...changes,
  };
}

const fault: Fault = { source: 'a.yaml', field: 'spec', message: 'is wrong', severity: 'error' };

function stateOf(name: string, changes: Partial<Parts>): string | undefined {
  return readiness(parts(changes)).find((part) => part.name === name)?.state;
}

describe('the parts that /readyz names', () => {
  test('are all well when nothing is wrong', () => {
    expect(readiness(parts()).map(({ name, state }) => `${name} ${state}`)).toEqual([
      'audit ok',
      'keys ok',
      'cache ok',
      'resources ok',
      'issuer edge-7 ok',
    ]);
  });

  test('name the store where the start did not find it, and not where it is there', () => {
    expect(stateOf('store', { store: { asOf: () => 0 } })).toBe('degraded');
    expect(stateOf('store', { store: { asOf: () => undefined } })).toBeUndefined();
  });

  test('fail with the audit log and the own keys, without which nothing may be issued (promise 1)', () => {
    expect(stateOf('audit', { audit: { state: () => ({ ok: false, reason: 'disk full' }) } })).toBe('failed');
    expect(stateOf('keys', { rotator: { state: () => ({ state: 'failed', detail: 'none is active' }) } })).toBe(
      'failed',
    );
  });

  test('are only degraded by a dead cache, a faulty resource or one dead issuer (promise 5)', () => {
    expect(stateOf('cache', { cache: { state: () => ({ ok: false, reason: 'no answer' }) } })).toBe('degraded');
    expect(stateOf('resources', { catalog: { current: () => snapshot, faults: () => [fault] } })).toBe('degraded');
    const dead = { issuer: 'edge-7', ok: false, reason: 'unreachable', usableKeys: 0, skippedKeys: 0 };
    expect(stateOf('issuer edge-7', { keys: { state: () => [dead] } })).toBe('degraded');
  });

  test('take no harm from a warning', () => {
    const warning: Fault = { ...fault, severity: 'warning' };
    expect(stateOf('resources', { catalog: { current: () => snapshot, faults: () => [warning] } })).toBe('ok');
  });
});
