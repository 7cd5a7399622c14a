import { describe, expect, test } from 'vitest';
import { AdminError } from '../../src/admin/admin-error.ts';
import { AdminJournal, recorded } from '../../src/admin/admin-journal.ts';
import type { AuditLog } from '../../src/audit/audit-log.ts';
import type { AuditEvent } from '../../src/audit/events.ts';
import { FakeClock } from '../support/fake-clock.ts';

function journal() {
  const notes: AuditEvent[] = [];
  const counts: [string | undefined, string, boolean | undefined][] = [];
  const audit: AuditLog = {
    record: async (event) => void notes.push(event),
    note: (event) => void notes.push(event),
    countRefused: (issuer, reason, verified) => void counts.push([issuer, reason, verified]),
    head: () => ({ seq: 0, hash: '' }),
    state: () => ({ ok: true }),
    close: async () => undefined,
  };
  const clock = new FakeClock();
  return { journal: new AdminJournal(audit, clock), clock, notes, counts };
}

const ACT = {
  actor: { issuer: 'https://idp.example.org', subject: 'mallory', roles: ['viewer'] },
  traceId: '0'.repeat(32),
  action: 'delete',
  kind: 'Guardrail',
  name: 'stop',
} as const;

describe('what the admin API leaves in the audit log', () => {
  test('a refused attempt is a record with who and what, without roles or token', () => {
    const { journal: one, notes } = journal();
    one.refused(ACT, new AdminError('forbidden'));
    expect(notes).toEqual([
      {
        type: 'changed',
        outcome: 'admin-refused',
        detail: 'forbidden',
        traceId: ACT.traceId,
        admin: {
          by: { issuer: 'https://idp.example.org', subject: 'mallory' },
          action: 'delete',
          kind: 'Guardrail',
          name: 'stop',
        },
      },
    ]);
  });

  test('refused attempts beyond their share are counted, so that a viewer cannot fill the disk; changes are all kept', async () => {
    const { journal: one, clock, notes, counts } = journal();
    for (let attempt = 0; attempt < 150; attempt += 1) one.refused(ACT, new AdminError('forbidden'));
    expect([notes.length, counts.length, counts[0]]).toEqual([100, 50, [undefined, 'admin_refused', true]]);
    for (let change = 0; change < 150; change += 1) await one.changing(ACT);
    expect(notes).toHaveLength(250);
    clock.advance(1_000);
    one.refused(ACT, new AdminError('forbidden'));
    expect([notes.length, counts.length]).toEqual([251, 50]);
  });

  test('a request that was refused for its form is recorded with who it was, and one that was recorded already is not again', () => {
    const { journal: one, notes } = journal();
    const [form, done] = [new AdminError('media_type'), new AdminError('forbidden')];
    one.refused(ACT, done);
    one.unread(ACT.actor, ACT.traceId, done);
    one.unread(ACT.actor, ACT.traceId, form);
    expect(notes.slice(1)).toMatchObject([
      { outcome: 'admin-refused', detail: 'media_type', admin: { by: { subject: 'mallory' }, action: 'unread' } },
    ]);
  });

  test('a document that would not fit into a record stands there by its hash alone', () => {
    const small = { metadata: { name: 'a' } };
    const large = { metadata: { name: 'x'.repeat(9 * 1024) } };
    expect(recorded(small, 3, { whole: true })).toMatchObject({ version: 3, document: small });
    expect(Object.keys(recorded(large, 3, { whole: true }))).toEqual(['version', 'sha256']);
    expect(Object.keys(recorded(small, 3, { whole: false }))).toEqual(['version', 'sha256']);
  });
});
