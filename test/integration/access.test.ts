import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAuditLog } from '../../src/audit/read-log.ts';
import type { AuditRecord } from '../../src/audit/record.ts';
import { run } from '../../src/cli/program.ts';
import { systemClock } from '../../src/core/clock.ts';
import { FakeSurroundings } from '../cli/fake-surroundings.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { ADMIN_AUDIENCE, adminConfig, askAdmin } from '../support/admin-api.ts';
import { FakeClock } from '../support/fake-clock.ts';
import {
  AUDIENCE,
  clusterIssuer,
  exchangeForm,
  install,
  type RunningCarnet,
  start,
} from '../support/running-carnet.ts';

const HOUR = 3_600_000;

let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;
const clock = new FakeClock(systemClock.now());

beforeAll(async () => {
  cluster = await FakeCluster.start({ now: () => clock.now() });
  idp = await FakeOidcIssuer.start();
  const files = ['two', 'storm', 'short', 'back', 'cli', 'denied', 'slow', 'told'].map((name) =>
    JSON.stringify(mapping(name)),
  );
  const resources = [clusterIssuer(cluster), ...files].join('\n---\n');
  carnet = await start(
    await install({ cluster, resources, allowOrigins: [idp.issuer], more: adminConfig(idp) }),
    clock,
  );
});

afterAll(async () => {
  await carnet.stop();
  await Promise.all([cluster.close(), idp.close(), carnet.remove()]);
});

function mapping(name: string, justInTime: object = {}, more: object = {}) {
  const access = {
    justInTime: {
      approvals: 2,
      approvers: ['approvers', 'dora'],
      maxDuration: '1h',
      reason: 'optional',
      ...justInTime,
    },
  };
  const subject = { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'reporter' };
  const target = { jwtSvid: { audiences: [`aud-${name}`] } };
  return {
    apiVersion: 'carnet.dev/v1alpha1',
    kind: 'FederationMapping',
    metadata: { name },
    spec: { owner: 'olga@example.org', subject, target, access, ...more },
  };
}

/** Somebody of these groups, whose token is made when it is needed: the clock may have moved. */
const person =
  (sub: string, groups: readonly string[] = ['approvers'], more: object = {}) =>
  () => {
    const iat = Math.floor(clock.now() / 1000);
    return idp.token(ADMIN_AUDIENCE, { sub, groups, iat, nbf: iat, exp: iat + 600, ...more });
  };
const alice = person('alice');
const bob = person('bob');
const owner = person('root', ['owners']);

type Token = () => string;

async function exchanged(address: string) {
  const boundTo = { kind: 'pod', name: 'reporter-0' } as const;
  const token = cluster.token({ audiences: [AUDIENCE], boundTo });
  const body = new URLSearchParams(exchangeForm(token, address));
  const answer = await fetch(`${carnet.url}/oauth2/token`, { method: 'POST', body });
  const [name = '', state] = (answer.headers.get('carnet-access-request') ?? '').split(';state=');
  const said = (await answer.json()) as Record<string, unknown>;
  const outcome = answer.status === 200 ? 'issued' : String(said['reason'] ?? said['error']);
  return {
    status: answer.status,
    name,
    state,
    outcome,
    expiresIn: Number(said['expires_in']),
    members: Object.keys(said),
  };
}

const get = (name: string, token: Token = alice) => askAdmin(carnet.url, `access-requests/${name}`, { token: token() });

/** The open request, once the writer in the background has stored it. */
async function opened(address: string): Promise<string> {
  const { name, outcome } = await exchanged(address);
  expect(outcome).toBe('awaiting_approval');
  await expect.poll(async () => (await get(name)).body['state']).toBe('asked');
  return name;
}

async function decide(name: string, decision: string, token: Token, more: { why?: string; query?: string } = {}) {
  const { etag } = await get(name, token);
  return askAdmin(carnet.url, `access-requests/${name}${more.query ?? ''}`, {
    token: token(),
    method: 'PUT',
    body: { decision, ...(more.why !== undefined && { why: more.why }) },
    headers: { 'if-match': String(etag) },
  });
}

const askFor = (body: object, token: Token) =>
  askAdmin(carnet.url, 'access-requests/new', { token: token(), method: 'PUT', body });

async function putMapping(one: ReturnType<typeof mapping>, token: Token) {
  const path = `mappings/${one.metadata.name}`;
  const { etag } = await askAdmin(carnet.url, path, { token: token() });
  const headers: Record<string, string> = etag === null ? {} : { 'if-match': etag };
  const answer = await askAdmin(carnet.url, path, { token: token(), method: 'PUT', body: one, headers });
  expect(answer.body['inForce'], JSON.stringify(answer.body)).toBe(true);
}

function records(): Promise<AuditRecord[]> {
  return Array.fromAsync(readAuditLog({ directory: join(carnet.folder, 'data/audit'), stream: 'carnet' }));
}

describe('just-in-time access from the question to its end (DESIGN 5 and 6.3)', () => {
  test('a refusal asks, two people approve, a credential comes, and the access ends by itself', async () => {
    const first = await exchanged('two');
    expect(first).toMatchObject({ status: 400, outcome: 'awaiting_approval', state: 'asked' });
    expect(first.members).toEqual(['error', 'error_description', 'trace_id', 'reason']);
    const name = await opened('two');
    expect(first.name).toBe(name);
    expect((await get(name)).body).toMatchObject({
      document: {
        kind: 'AccessRequest',
        spec: { mapping: 'two', identity: { issuer: 'prod-eu' }, durationSeconds: 3600 },
      },
      needed: 2,
      approvals: [],
      approvers: ['approvers', 'dora'],
    });

    expect(await decide(name, 'approve', alice, { why: 'INC-42' })).toMatchObject({
      status: 200,
      body: {
        request: { state: 'asked', approvals: [{ by: { issuer: idp.issuer, subject: 'alice' }, why: 'INC-42' }] },
      },
    });
    expect((await exchanged('two')).outcome).toBe('awaiting_approval');
    expect(await decide(name, 'approve', person('dora', ['approvers-of-others', 'approvers']))).toMatchObject({
      status: 200,
      body: { request: { state: 'approved' } },
    });
    expect(await exchanged('two')).toMatchObject({ outcome: 'issued', expiresIn: 300 });

    clock.advance(HOUR - 100_000);
    expect(await exchanged('two')).toMatchObject({ outcome: 'issued', expiresIn: 100 });
    clock.advance(100_000);
    expect(await exchanged('two')).toMatchObject({ outcome: 'awaiting_approval', name });
    // A clock that was set back to before the approval opens nothing.
    clock.advance(-2 * HOUR);
    expect((await exchanged('two')).outcome).toBe('awaiting_approval');
    clock.advance(2 * HOUR);

    const left = await records();
    expect(left.filter(({ outcome }) => outcome === 'access-asked')[0]).toMatchObject({ type: 'changed' });
    expect(left.filter(({ admin }) => admin?.action === 'approve').map(({ admin }) => admin?.by.subject)).toEqual([
      'alice',
      'dora',
    ]);
    expect(left.find(({ type }) => type === 'issued')).toMatchObject({ grant: { access: { request: name } } });
  });

  test('explain tells of the access as an exchange would meet it', async () => {
    const explained = async () => {
      const identity = { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'reporter', pod: 'reporter-0' };
      const body = { identity, address: 'told' };
      const answer = await askAdmin(carnet.url, 'explain', { token: alice(), method: 'POST', body });
      return answer.body['decision'];
    };
    const name = await opened('told');
    const steps = [expect.objectContaining({ step: 'access', detail: `${name}: asked, 0 of 2 approvals` })];
    expect(await explained()).toMatchObject({ outcome: 'refused', steps: expect.arrayContaining(steps) });
    await decide(name, 'approve', alice);
    await decide(name, 'approve', bob);
    expect(await explained()).toMatchObject({ outcome: 'allowed' });
  });

  test('a storm of repetitions opens one request', async () => {
    const answers = await Promise.all(Array.from({ length: 25 }, () => exchanged('storm')));
    expect(new Set(answers.map(({ name }) => name)).size).toBe(1);
    const name = await opened('storm');
    const listed = await askAdmin(carnet.url, 'access-requests?mapping=storm', { token: alice() });
    expect(listed.body['items']).toHaveLength(1);
    const { etag } = await get(name);
    expect(etag).toMatch(/^"1\.\d+"$/);
    expect((await records()).filter(({ detail }) => String(detail).includes('mapping storm')).length).toBe(1);
  });

  test('a no stands for an hour against the workload’s own repetitions', async () => {
    const name = await opened('storm');
    expect((await decide(name, 'deny', bob, { why: 'not now' })).status).toBe(200);
    expect(await exchanged('storm')).toMatchObject({ outcome: 'awaiting_approval', name, state: 'denied' });
    expect((await decide(name, 'approve', alice)).status).toBe(409);
    clock.advance(HOUR);
    await opened('storm');
  });

  test('access that is withdrawn ends at once', async () => {
    const name = await opened('back');
    for (const who of [alice, bob]) expect((await decide(name, 'approve', who)).status).toBe(200);
    expect((await exchanged('back')).outcome).toBe('issued');
    const { etag } = await get(name);
    const headers = { 'if-match': String(etag) };
    const path = `access-requests/${name}`;
    const gone = await askAdmin(carnet.url, path, { token: alice(), method: 'DELETE', headers });
    expect(gone).toMatchObject({ status: 200, body: { request: { state: 'withdrawn' } } });
    expect((await exchanged('back')).outcome).toBe('awaiting_approval');
  });
});

describe('who may approve', () => {
  const wish = (name: string, more: object = {}) => ({
    mapping: name,
    identity: { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'reporter' },
    reason: 'INC-7',
    ...more,
  });

  test('neither whoever asks, nor the owner of the mapping, nor its last two editors, nor anybody twice', async () => {
    const editor = (sub: string) => person(sub, ['editors', 'approvers']);
    await putMapping(mapping('edited'), editor('erin'));
    await putMapping(mapping('edited', { approvals: 1 }), editor('frank'));
    await putMapping(mapping('edited', { approvals: 2 }), editor('grace'));
    const asked = await askFor(wish('edited'), person('henry', ['approvers']));
    expect(asked).toMatchObject({ status: 201, body: { request: { state: 'asked', askedBy: { subject: 'henry' } } } });
    const name = String(asked.body['name']);

    const detail = async (who: Token) => (await decide(name, 'approve', who)).body['detail'];
    expect(await detail(person('henry'))).toBe('whoever asks does not approve');
    expect(await detail(person('olga@example.org'))).toBe('the owner of the mapping does not approve');
    expect(await detail(person('o-1', ['approvers'], { email: 'Olga@example.org' }))).toBe(
      'the owner of the mapping does not approve',
    );
    expect(await detail(person('grace'))).toBe('the last two editors of the mapping do not approve');
    expect(await detail(person('frank'))).toBe('the last two editors of the mapping do not approve');
    expect((await get(name)).body['approvals']).toEqual([]);

    expect((await decide(name, 'approve', person('erin'))).status).toBe(200);
    expect(await detail(person('erin'))).toBe('this person has approved it already');
    expect((await decide(name, 'approve', bob)).body).toMatchObject({ request: { state: 'approved' } });
    expect((await exchanged('edited')).outcome).toBe('issued');
  });

  test('nobody by a second account of the same address, which both tokens have and neither calls unverified', async () => {
    const known = (sub: string, email: string, more: object = {}) =>
      person(sub, ['editors', 'approvers'], { email, ...more });
    await putMapping(mapping('accounts', { approvals: 2 }), known('gail', 'gail@example.org'));
    const asked = await askFor(wish('accounts'), known('henry', 'henry@example.org', { email_verified: true }));
    const name = String(asked.body['name']);
    const detail = async (who: Token) => (await decide(name, 'approve', who)).body['detail'];
    expect(await detail(known('h-2', 'Henry@Example.org'))).toBe('whoever asks does not approve');
    expect(await detail(known('g-2', 'GAIL@example.org'))).toBe('the last two editors of the mapping do not approve');
    expect((await decide(name, 'approve', known('ida', 'ida@example.org'))).status).toBe(200);
    expect(await detail(known('i-2', 'ida@example.org'))).toBe('this person has approved it already');
    const unverified = known('i-3', 'ida@example.org', { email_verified: false });
    expect((await decide(name, 'approve', unverified)).body).toMatchObject({ request: { state: 'approved' } });
    expect((await get(name)).body['approvals']).toMatchObject([
      { by: { subject: 'ida', email: 'ida@example.org' } },
      { by: { subject: 'i-3' } },
    ]);
  });

  test('only people of the role whom the mapping names; a dry run decides nothing', async () => {
    const name = await opened('short');
    expect((await decide(name, 'approve', person('vera', ['viewers']))).status).toBe(403);
    expect((await decide(name, 'approve', person('dora', ['editors']))).status).toBe(403);
    expect(await decide(name, 'approve', owner)).toMatchObject({
      status: 403,
      body: { title: 'This is not for this person to decide' },
    });
    expect(await decide(name, 'approve', person('dora', ['owners']), { query: '?dryRun=true' })).toMatchObject({
      status: 200,
      body: { dryRun: true, request: { approvals: [{ by: { subject: 'dora' } }] } },
    });
    expect((await get(name)).body['approvals']).toEqual([]);
    const path = `access-requests/${name}`;
    const blind = await askAdmin(carnet.url, path, { token: alice(), method: 'PUT', body: { decision: 'approve' } });
    expect(blind.status).toBe(428);
  });

  test('a mapping that changes voids what was approved, also when it is changed back', async () => {
    await putMapping(mapping('moving'), owner);
    const name = await opened('moving');
    for (const who of [alice, bob]) expect((await decide(name, 'approve', who)).status).toBe(200);
    expect((await exchanged('moving')).outcome).toBe('issued');
    await putMapping(mapping('moving', { maxDuration: '2h' }), owner);
    const other = await exchanged('moving');
    expect([other.outcome, other.name === name]).toEqual(['awaiting_approval', false]);
    await expect.poll(async () => (await get(name)).body['state']).toBe('expired');
    await putMapping(mapping('moving'), owner);
    expect(await exchanged('moving')).toMatchObject({ outcome: 'awaiting_approval', name });
  });

  test('a person who asks says why and for how long, within what the mapping allows', async () => {
    await putMapping(mapping('asked', { reason: 'required', approvals: 1 }), owner);
    const { reason: _, ...unsaid } = wish('asked');
    expect(await askFor(unsaid, alice)).toMatchObject({ status: 422, body: { field: 'reason' } });
    expect(await askFor(wish('asked', { duration: '2h' }), alice)).toMatchObject({
      status: 422,
      body: { field: 'duration' },
    });
    expect(await askFor(wish('asked'), person('vera', ['viewers']))).toMatchObject({ status: 403 });
    expect(await askFor(wish('nothing'), alice)).toMatchObject({ status: 422, body: { field: 'mapping' } });
    const { body } = await askFor(wish('asked', { duration: '10m' }), alice);
    const unexplained = await decide(String(body['name']), 'approve', bob);
    expect(unexplained).toMatchObject({ status: 422, body: { field: 'why', detail: 'is required by the mapping' } });
    // There is no list of faults to mend.
    expect(unexplained.body).not.toHaveProperty('mend');
    await decide(String(body['name']), 'approve', bob, { why: 'INC-7' });
    clock.advance(599_000);
    expect(await exchanged('asked')).toMatchObject({ outcome: 'issued', expiresIn: 1 });
    clock.advance(1_000);
    expect((await exchanged('asked')).outcome).toBe('awaiting_approval');
  });

  test('break-glass is for its group, an hour at most, and loud', async () => {
    await putMapping(mapping('glass', { maxDuration: '4h', breakGlass: { group: 'editors' } }), owner);
    const onCall = person('oscar', ['editors']);
    const wished = wish('glass', { breakGlass: true });
    expect((await askFor(wished, alice)).status).toBe(403);
    expect(await askFor({ ...wished, duration: '2h' }, onCall)).toMatchObject({
      status: 422,
      body: { field: 'duration' },
    });
    const open = await askFor(wished, onCall);
    expect(open).toMatchObject({
      status: 201,
      body: { request: { state: 'approved', breakGlass: true, approvals: [] } },
    });
    expect((await exchanged('glass')).outcome).toBe('issued');
    const name = String(open.body['name']);
    const loud = (await records()).filter(({ outcome }) => outcome === 'break-glass');
    expect(loud).toMatchObject([{ admin: { by: { subject: 'oscar' }, action: 'break-glass', name } }]);
    expect(carnet.log.filter((line) => line.includes('access was opened by break-glass'))).toHaveLength(1);
    const metrics = await (await fetch(`${carnet.url}/metrics`)).text();
    expect(metrics).toContain('carnet_access_requests_total{outcome="break_glass"} 1');
    clock.advance(HOUR);
    expect((await exchanged('glass')).outcome).toBe('awaiting_approval');
  });
});

describe('access that is good for a number of credentials', () => {
  test('gives so many under parallel exchanges, each counted before it exists', async () => {
    await putMapping(mapping('counted', { approvals: 1, maxUses: 3 }), owner);
    const name = await opened('counted');
    expect((await decide(name, 'approve', alice)).status).toBe(200);
    const outcomes = (await Promise.all(Array.from({ length: 10 }, () => exchanged('counted')))).map(
      (one) => one.outcome,
    );
    expect(outcomes.filter((outcome) => outcome === 'issued')).toHaveLength(3);
    expect(outcomes.filter((outcome) => outcome === 'awaiting_approval')).toHaveLength(7);
    expect((await get(name)).body).toMatchObject({ uses: 3, maxUses: 3, state: 'expired' });
  });
});

describe('the commands', () => {
  const surroundingsOf = async (who: string) => {
    const file = join(carnet.folder, `token-${Math.random()}`);
    const boundTo = { kind: 'pod', name: 'reporter-0' } as const;
    const token = who === 'pod' ? cluster.token({ audiences: [AUDIENCE], boundTo }) : person(who)();
    await writeFile(file, token);
    return new FakeSurroundings({ env: { CARNET_ENDPOINT: carnet.url, CARNET_TOKEN_FILE: file } });
  };
  const command = async (who: string, ...args: readonly string[]) => {
    const around = await surroundingsOf(who);
    const code = await run(args, around);
    return { code, out: around.stdout, err: around.stderr };
  };
  /** A command that waits, once it has said so: nobody decides before it has asked. */
  const waiting = async (name: string) => {
    const around = await surroundingsOf('pod');
    const ended = run(['exchange', '--audience', name, '--wait'], around);
    await expect.poll(() => around.stderr).toContain('waiting');
    return { ended: ended.then((code) => ({ code, out: around.stdout, err: around.stderr })) };
  };

  test('exchange --wait gets its credential once people have approved', async () => {
    const name = await opened('cli');
    const { ended } = await waiting('cli');
    const listed = await command('alice', 'access', 'list', '--state', 'asked', '--mapping', 'cli');
    expect(listed.out).toMatch(new RegExp(`^${name} +asked +cli +payments/reporter of prod-eu +0 of 2$`, 'm'));
    const dry = await command('alice', 'access', 'approve', name, '--dry-run');
    expect([dry.code, dry.err]).toEqual([
      0,
      `${name} is asked, 1 of 2 approvals; approvers: approvers, dora (dry run: nothing was changed)\n`,
    ]);
    expect((await command('alice', 'access', 'approve', name, '--why', 'INC-42')).code).toBe(0);
    const shown = await command('alice', 'access', 'show', name);
    expect(shown.out.split('\n')).toEqual(
      expect.arrayContaining([
        'asked by     the workload',
        'approvals    1 of 2',
        'approved by  alice: INC-42',
        'may approve  approvers, dora',
        'may not      whoever asked, the owner of the mapping (olga@example.org), the last two who changed it',
      ]),
    );
    expect((await command('pod', 'access', 'show', name)).code).toBe(1);
    expect((await command('alice', 'access', 'show', 'nothing')).code).toBe(2);
    expect((await command('bob', 'access', 'approve', name, '--why', 'INC-42')).code).toBe(0);
    const { code, out, err } = await ended;
    expect([code, err]).toEqual([
      0,
      `carnet: waiting until somebody approves ${name}; carnet access show ${name} tells who may\n`,
    ]);
    expect(out.split('.')).toHaveLength(3);
    const again = await command('bob', 'access', 'approve', name);
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('no longer open') });
  });

  test('exchange --wait ends with 1 at a no, and with 69 when nobody has decided in time', async () => {
    const name = await opened('denied');
    const { ended } = await waiting('denied');
    expect((await command('alice', 'access', 'deny', name, '--why', 'no')).err).toBe(`${name} is denied\n`);
    expect(await ended).toMatchObject({ code: 1, err: expect.stringContaining(`${name} (denied)`) });
    const wait = ['exchange', '--audience', 'slow', '--wait', '--wait-for'];
    expect((await command('pod', ...wait, '1s')).code).toBe(69);
    expect((await command('pod', ...wait, 'long')).code).toBe(2);
    // Whoever says how long means to wait.
    expect((await command('pod', 'exchange', '--audience', 'slow', '--wait-for', '1s')).code).toBe(69);
    expect((await command('pod', 'exchange', '--audience', 'slow')).code).toBe(1);
  });

  test('access request asks on behalf of a workload and prints the name', async () => {
    const args = ['--mapping', 'slow', '--issuer', 'prod-eu', '--subject', 'payments/reporter', '--reason', 'INC-9'];
    const { code, out } = await command('alice', 'access', 'request', ...args, '--duration', '5m');
    expect(code).toBe(0);
    expect((await get(out.trim())).body).toMatchObject({
      askedBy: { subject: 'alice' },
      document: { spec: { reason: 'INC-9', durationSeconds: 300 } },
    });
    expect((await command('alice', 'access', 'request', ...args, '--break-glass')).code).toBe(1);
    expect((await command('alice', 'access', 'approve', 'nothing')).code).toBe(2);
  });
});
