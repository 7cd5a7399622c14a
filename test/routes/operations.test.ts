import { describe, expect, test } from 'vitest';
import type { Part } from '../../src/routes/door-deps.ts';
import { openDoor, send } from './door-fixture.ts';

const ok: Part = { name: 'audit', state: 'ok' };
const degraded: Part = { name: 'issuer edge-7', state: 'degraded', detail: 'keys are 3 h old' };
const failed: Part = { name: 'keys', state: 'failed', detail: 'no signing key' };

describe('/livez', () => {
  test('answers while parts have failed, on GET and HEAD', async () => {
    const { port } = await openDoor({ parts: () => [failed] });
    expect(await send(port, { path: '/livez' })).toMatchObject({ status: 200, json: { status: 'alive' } });
    expect((await send(port, { method: 'HEAD', path: '/livez' })).status).toBe(200);
  });
});

describe('/readyz', () => {
  test.each([
    [[ok], 200, 'ready'],
    [[ok, degraded], 200, 'degraded'],
    [[ok, failed], 503, 'unavailable'],
    [[degraded, failed], 503, 'unavailable'],
  ])('of %j is %i and %s', async (parts, status, word) => {
    const answer = await send((await openDoor({ parts: () => parts })).port, { path: '/readyz' });
    expect([answer.status, answer.json['status']]).toEqual([status, word]);
    expect(answer.json['parts']).toHaveLength(parts.length);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  test('says development, and says nothing of it otherwise', async () => {
    const { json } = await send((await openDoor({ development: true })).port, { path: '/readyz' });
    expect(json['development']).toBe(true);
    expect((await send((await openDoor()).port, { path: '/readyz' })).json).not.toHaveProperty('development');
  });

  test('names the failing part on every door and tells details on the admin door only', async () => {
    const parts = () => [failed];
    for (const name of ['public', 'workload'] as const) {
      const { json } = await send((await openDoor({ name, parts })).port, { path: '/readyz' });
      expect(json['parts']).toEqual([{ name: 'keys', state: 'failed' }]);
    }
    const { json } = await send((await openDoor({ name: 'admin', parts })).port, { path: '/readyz' });
    expect(json['parts']).toEqual([failed]);
  });
});

describe('/metrics', () => {
  test('is the text format of Prometheus, on the admin door', async () => {
    const answer = await send((await openDoor({ name: 'admin' })).port, { path: '/metrics' });
    expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(answer.text).toContain('# TYPE carnet_exchanges_total counter');
  });

  test('never has a path or a text of a request as a label', async () => {
    const door = await openDoor();
    await send(door.port, { path: '/no/such/evil-path?evil-query' });
    await send(door.port, { path: '/sdk/aws/evil-name' });
    const { text } = await send(door.port, { path: '/metrics' });
    expect(text).toContain('route="none",status="404"');
    expect(text).toContain('route="/sdk/aws/:mapping"');
    expect(text).not.toContain('evil');
  });
});
