import { describe, expect, test } from 'vitest';
import type { Actor } from '../../src/admin/actor.ts';
import { AdminJournal } from '../../src/admin/admin-journal.ts';
import { Proposals, type ProposedWrite } from '../../src/admin/proposals.ts';
import { SecondPerson } from '../../src/admin/second-person.ts';
import type { AuditLog } from '../../src/audit/audit-log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore, memoryDocuments } from '../support/memory-document-store.ts';

const DAY_MS = 24 * 3_600_000;
const WIDER = { widens: true, reasons: [], more: 0 };
const RULES = { fourEyes: true, readOnly: false };

function person(subject: string, more: Partial<Actor> = {}): Actor {
  return { issuer: 'https://idp.example.org', subject, roles: ['editor'], ...more };
}

function write(name: string, version = 0): ProposedWrite {
  return { kind: 'FederationMapping', name, version, document: { metadata: { name } } };
}

/** Replicas over one store, and what they made durable before they kept it. */
function installation() {
  const clock = new FakeClock();
  const shared = memoryDocuments();
  const records: string[] = [];
  const nothing = () => undefined;
  const audit: AuditLog = {
    record: async () => undefined,
    note: nothing,
    countRefused: nothing,
    head: () => ({ seq: 0, hash: '' }),
    state: () => ({ ok: true }),
    close: async () => undefined,
  };
  const replica = () => {
    const proposals = new Proposals(new MemoryDocumentStore(shared), clock);
    const journal = new AdminJournal(audit, clock);
    const rule = new SecondPerson({ rules: RULES, proposals, journal });
    const ask = (who: string | Actor, ...writes: ProposedWrite[]) =>
      rule.ask({
        actor: typeof who === 'string' ? person(who) : who,
        widening: WIDER,
        writes,
        record: async (proposal) => void records.push(proposal),
      });
    return { ask, about: () => rule.about('FederationMapping') };
  };
  return { clock, records, replica };
}

describe('a proposal', () => {
  test('is good for 24 hours to the millisecond, and one that has ended begins anew', async () => {
    const { clock, replica } = installation();
    const { ask, about } = replica();
    await ask('alice', write('ledger'));
    clock.advance(DAY_MS - 1);
    expect(await ask('bob', write('ledger'))).toMatchObject({ kind: 'passes', confirms: { by: { subject: 'alice' } } });
    clock.advance(1);
    expect(await about()).toEqual([]);
    expect(await ask('bob', write('ledger'))).toMatchObject({ kind: 'proposed', proposal: { by: { subject: 'bob' } } });
  });

  test('is confirmed at another replica by somebody else, and at none by the first person', async () => {
    const { replica } = installation();
    const [one, other] = [replica(), replica()];
    const first = await one.ask('alice', write('ledger'));
    expect(await other.ask('alice', write('ledger'))).toEqual(first);
    expect(await other.ask('bob', write('ledger'))).toMatchObject({ kind: 'passes' });
  });

  test('is not confirmed by another account of the same address, and is by one whose address nobody has looked at', async () => {
    const { ask } = installation().replica();
    const first = await ask(person('alice', { email: 'alice@example.org' }), write('ledger'));
    expect(await ask(person('a-2', { email: 'Alice@Example.org' }), write('ledger'))).toEqual(first);
    const elsewhere = person('alice', { issuer: 'https://other.example.org', email: 'alice@example.org' });
    expect(await ask(elsewhere, write('ledger'))).toEqual(first);
    const unseen = person('a-3', { email: 'alice@example.org', emailVerified: false });
    expect((await ask(unseen, write('ledger'))).kind).toBe('passes');
  });

  test('goes by accounts where somebody has no address, or writes what is none', async () => {
    const { ask } = installation().replica();
    for (const [at, [one, other]] of [
      [undefined, 'a@b.org'],
      ['', ''],
      ['none', 'none'],
    ].entries()) {
      const of = (email: string | undefined) => (email === undefined ? {} : { email });
      expect((await ask(person('alice', of(one)), write(`m${at}`))).kind).toBe('proposed');
      expect((await ask(person('bob', of(other)), write(`m${at}`))).kind).toBe('passes');
    }
  });

  test('of a batch is confirmed by the same batch only: not by a part, another order or another version', async () => {
    const { replica } = installation();
    const { ask } = replica();
    const [a, b] = [write('a'), write('b')];
    await ask('alice', a, b);
    for (const other of [[a], [b, a], [a, write('b', 1)], [a, { ...b, document: { metadata: { name: 'c' } } }]]) {
      expect((await ask('bob', ...other)).kind).toBe('proposed');
    }
    expect((await ask('bob', a, b)).kind).toBe('passes');
  });

  test('is confirmed for the set that it is for: for another, or none, it is a conflict, for the first person too', async () => {
    const { ask, about } = installation().replica();
    const [forTeam, forShop] = ['team', 'shop'].map((set) => ({ ...write('ledger'), set }));
    if (forTeam === undefined || forShop === undefined) throw new Error('two sets');
    await ask('alice', forTeam);
    const conflict = { key: 'proposed_for_another_set', detail: 'FederationMapping ledger was proposed for set team' };
    for (const [who, other] of [
      ['bob', forShop],
      ['bob', write('ledger')],
      ['alice', forShop],
    ] as const) {
      await expect(ask(who, other)).rejects.toMatchObject(conflict);
    }
    expect(await about()).toMatchObject([{ by: { subject: 'alice' }, resources: [{ name: 'ledger', set: 'team' }] }]);
    expect((await ask('bob', forTeam)).kind).toBe('passes');
  });

  test('without a set, as a proposal was before sets were kept, is confirmed without one and not for one', async () => {
    const { ask } = installation().replica();
    await ask('alice', write('ledger'));
    const detail = 'FederationMapping ledger was proposed without a set';
    await expect(ask('bob', { ...write('ledger'), set: 'team' })).rejects.toMatchObject({ detail });
    expect((await ask('bob', write('ledger'))).kind).toBe('passes');
  });

  test('has an id that nobody makes two contents of: a whole SHA-256', async () => {
    const { replica, records } = installation();
    await replica().ask('alice', write('ledger'));
    expect(records).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
  });

  test('has room beside 19 of the same person and not beside 20, and what has none leaves no record', async () => {
    const { replica, records, clock } = installation();
    const { ask } = replica();
    for (let n = 0; n < 20; n += 1) expect((await ask('alice', write(`m${n}`))).kind).toBe('proposed');
    await expect(ask('alice', write('more'))).rejects.toMatchObject({ key: 'too_many' });
    expect(records.length).toBe(20);
    expect((await ask('bob', write('more'))).kind).toBe('proposed');
    clock.advance(DAY_MS);
    expect((await ask('alice', write('other'))).kind).toBe('proposed');
  });

  test('has room beside 99 of all and not beside 100', async () => {
    const { replica, records } = installation();
    const { ask } = replica();
    for (let n = 0; n < 100; n += 1) {
      expect((await ask(`person${n % 10}`, write(`m${n}`))).kind).toBe('proposed');
    }
    await expect(ask('alice', write('more'))).rejects.toMatchObject({ key: 'too_many' });
    expect(records.length).toBe(100);
  });

  test('is of 500 documents and not of 501', async () => {
    const { replica, records } = installation();
    const { ask } = replica();
    const many = Array.from({ length: 501 }, (_, n) => write(`m${n}`));
    await expect(ask('alice', ...many)).rejects.toMatchObject({ key: 'too_many' });
    expect(records).toEqual([]);
    expect((await ask('alice', ...many.slice(1))).kind).toBe('proposed');
  });
});
