import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Actor } from '../../../src/admin/actor.ts';
import { createReplay } from '../../../src/admin/replay/replay.ts';
import { AuditHistory } from '../../../src/audit/history.ts';
import type { Candidate } from '../../../src/catalog/candidate.ts';
import { NO_CONDITIONS } from '../../../src/policy/conditions/conditions-for.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { cluster, compiled, NOW } from '../../support/policy-builders.ts';

const AUDITOR: Actor = { issuer: 'https://idp.example.org', subject: 'alice', roles: ['auditor'] };
const WISH = { candidate: { text: '' }, windowSeconds: 60 };

test('one replay runs at a time, the next is refused as too many, and one that fails holds up nobody', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'carnet-replay-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const clock = new FakeClock(NOW);
  const documents = [cluster('prod-eu')];
  const base = { documents, compiled: compiled(documents) };
  const inputs = { ages: new Map(), order: 0, lastGood: new Set<never>() };
  const found: Candidate = { ...base, proposed: [], ownFaults: [], conditions: NO_CONDITIONS, inputs };
  const answers = [Promise.withResolvers<Candidate>(), Promise.withResolvers<Candidate>()];
  let asked = 0;
  const catalog = {
    loaded: () => base as never,
    candidate: () => answers[asked++]?.promise ?? Promise.resolve(found),
  };
  const stored = { history: () => Promise.reject(new Error('nobody here is limited')) };
  const replay = createReplay({ catalog, history: new AuditHistory({ directory, clock }), stored, clock });

  const first = replay(AUDITOR, WISH);
  await expect(replay(AUDITOR, WISH)).rejects.toMatchObject({ key: 'too_many', status: 429 });
  answers[0]?.resolve(found);
  expect(await first).toMatchObject({ requests: { seen: 0 }, coverage: { complete: true } });

  const second = replay(AUDITOR, WISH);
  answers[1]?.reject(new Error('broken'));
  await expect(second).rejects.toThrow('broken');
  expect(await replay(AUDITOR, WISH)).toMatchObject({ requests: { seen: 0 } });
});
