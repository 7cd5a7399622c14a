import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HeldStops } from '../../src/catalog/held-stops.ts';
import { isStop, stopsFrom, stopsText } from '../../src/catalog/stop-document.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { temporaryFolder } from './folder.ts';

function guardrail(spec: JsonObject, name = 'stop-1', more: JsonObject = {}): JsonObject {
  return { apiVersion: 'carnet.dev/v1alpha1', kind: 'Guardrail', metadata: { name }, spec, ...more };
}

const stop = (name: string) => ({
  name,
  document: guardrail({ deny: 'true' }, name),
  author: { issuer: 'https://idp.example.org', subject: 'eve', as: ['owners'] },
  at: 1,
});

describe('what counts as an emergency stop', () => {
  test('is a Guardrail that denies whom it matches, and says so by its name', () => {
    expect(isStop(guardrail({ deny: 'true', match: { issuers: ['prod'] }, message: 'INC-42' }))).toBe(true);
  });

  test.each([
    ['denies nobody', guardrail({ match: {} })],
    ['caps as well', guardrail({ deny: 'true', maxTtl: '1h' })],
    ['has another name', guardrail({ deny: 'true' }, 'night')],
    ['is of another kind', guardrail({ deny: 'true' }, 'stop-1', { kind: 'FederationMapping' })],
    ['has members of its own', guardrail({ deny: 'true' }, 'stop-1', { more: true })],
    ['is larger than 4 KiB', guardrail({ deny: 'true', message: 'a'.repeat(4096) })],
  ])('is nothing that %s', (_, document) => {
    expect(isStop(document)).toBe(false);
  });

  test('is read from a text only when all of it is stops', () => {
    const text = stopsText([stop('stop-1'), stop('stop-2')]);
    expect(stopsFrom(text)?.map(({ name }) => name)).toEqual(['stop-1', 'stop-2']);
    expect(stopsFrom(text.replace('"stop-2"', '"night"'))).toBeUndefined();
    expect(stopsFrom('[')).toBeUndefined();
  });
});

describe('stops that a replica keeps by itself', () => {
  test('are found by the next start, in a file for the service alone', async () => {
    const path = join(await temporaryFolder(), 'audit/carnet.stops.json');
    const held = await HeldStops.open(path);
    await Promise.all([held.hold(stop('stop-1')), held.hold(stop('stop-2'))]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await HeldStops.open(path)).all()).toEqual([stop('stop-1'), stop('stop-2')]);
  });

  test('are let go of once the store knows them, and none beside', async () => {
    const path = join(await temporaryFolder(), 'carnet.stops.json');
    const held = await HeldStops.open(path);
    await held.hold(stop('stop-1'));
    await held.hold(stop('stop-2'));
    await held.settle(new Map([['stop-1', [stop('stop-1'), {}]]]));
    expect([held.has('stop-1'), held.has('stop-2')]).toEqual([false, true]);
    expect(await readFile(path, 'utf8')).toBe(stopsText([stop('stop-2')]));
  });

  test('are held in memory also when they cannot be written to disk', async () => {
    const path = join(await temporaryFolder(), 'file');
    await writeFile(path, '');
    const held = new HeldStops(join(path, 'carnet.stops.json'));
    await expect(held.hold(stop('stop-1'))).rejects.toThrow('EEXIST');
    expect(held.has('stop-1')).toBe(true);
  });

  test('stop the start when their file is damaged: to go on without them would end them', async () => {
    const path = join(await temporaryFolder(), 'carnet.stops.json');
    await writeFile(path, '[{');
    await expect(HeldStops.open(path)).rejects.toThrow(`${path} holds no emergency stops`);
  });
});
