import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openBootstrapToken } from '../../src/admin/bootstrap-token.ts';
import { FirstOwner } from '../../src/admin/first-owner.ts';
import { Secret } from '../../src/core/secret.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore } from '../support/memory-document-store.ts';

const HOURS = 3_600_000;

async function installation() {
  const folder = await mkdtemp(join(tmpdir(), 'carnet-bootstrap-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const store = new MemoryDocumentStore();
  const clock = new FakeClock();
  const owner = new FirstOwner(store);
  const path = join(folder, 'inner/admin-token');
  const open = (file = path) => openBootstrapToken({ path: file, store, owner, clock });
  const written = async (file = path) => new Secret((await readFile(file, 'utf8')).trim());
  return { folder, path, store, clock, owner, open, written };
}

describe('the bootstrap token', () => {
  test('is made at the first start, 256 bits of chance that its owner alone may read', async () => {
    const { path, open, written } = await installation();
    const token = await open();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const made = await written();
    expect(Buffer.from(made.reveal(), 'base64url')).toHaveLength(32);
    expect(await token.accepts(made)).toBe(true);
    expect(await token.accepts(new Secret(`${made.reveal().slice(0, -1)}~`))).toBe(false);
  });

  test('is the content of the file where there is one already', async () => {
    const { folder, open } = await installation();
    const file = join(folder, 'token');
    await writeFile(file, `${'t'.repeat(32)}\n`);
    expect(await (await open(file)).accepts(new Secret('t'.repeat(32)))).toBe(true);
  });

  test.each([
    '',
    'short',
    't'.repeat(31),
    `${'t'.repeat(20)} ${'t'.repeat(20)}`,
    't'.repeat(257),
    `${'t'.repeat(40)},`,
  ])('is not a file that holds %j: it could be guessed, or is none', async (text) => {
    const { folder, open } = await installation();
    const file = join(folder, 'token');
    await writeFile(file, text);
    await expect(open(file)).rejects.toThrow('32 to 256 visible characters');
  });

  test('is good for 24 hours from the first start, and a restart gives it no more', async () => {
    const { clock, open, written } = await installation();
    await open();
    clock.advance(24 * HOURS - 1);
    const again = await open();
    expect(await again.accepts(await written())).toBe(true);
    clock.advance(1);
    expect(await again.accepts(await written())).toBe(false);
    expect(await (await open()).accepts(await written())).toBe(false);
  });

  test('is one per installation: another file makes no second one', async () => {
    const { folder, open, written } = await installation();
    await open();
    const file = join(folder, 'another');
    await writeFile(file, 'u'.repeat(40));
    const opened = await open(file);
    expect(await opened.accepts(new Secret('u'.repeat(40)))).toBe(false);
    expect(await opened.accepts(await written())).toBe(true);
  });

  test('is not made anew where its file was deleted', async () => {
    const { path, open } = await installation();
    await open();
    await rm(path);
    await open();
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  test('is one over all replicas that start together: the first of them is right for all', async () => {
    const { folder, open, written } = await installation();
    const [one, other] = [join(folder, 'one/token'), join(folder, 'other/token')];
    const tokens = await Promise.all([open(one), open(other)]);
    const verdicts = async (file: string) =>
      Promise.all(tokens.map(async (token) => token.accepts(await written(file))));
    expect([await verdicts(one), await verdicts(other)].toSorted()).toEqual([
      [false, false],
      [true, true],
    ]);
  });

  test('ends once the first owner is named', async () => {
    const { owner, open, written } = await installation();
    const token = await open();
    await owner.name({ issuer: 'https://idp.example.org', subject: 'alice' });
    expect(await token.accepts(await written())).toBe(false);
  });
});

describe('the first owner', () => {
  test('is one: of those who name one at the same time one succeeds', async () => {
    const { owner, store } = await installation();
    const naming = ['alice', 'bob'].map((subject) => new FirstOwner(store).name({ issuer: 'i', subject }));
    const outcomes = await Promise.allSettled(naming);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { key: 'owner_named' } });
    expect((await owner.get())?.subject).toBe(outcomes[0]?.status === 'fulfilled' ? 'alice' : 'bob');
  });
});
