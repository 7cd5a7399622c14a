import { beforeEach, describe, expect, test } from 'vitest';
import type { Credential } from '../../src/core/credential.ts';
import type { AwsGrant, AzureGrant } from '../../src/core/decision.ts';
import type { VerifiedIdentity } from '../../src/core/identity.ts';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { TargetFailure } from '../../src/core/target-failure.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { CloudCredentials, type Obtained } from '../../src/exchange/cloud-credentials.ts';
import type { CloudGrant } from '../../src/exchange/target-account.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { NOW, workload } from '../support/policy-builders.ts';

const HOUR = 3600;
const ROLE = 'arn:aws:iam::123456789012:role/reports';
const aws: AwsGrant = {
  kind: 'aws',
  mapping: 'reports',
  targetId: ROLE,
  roleArn: ROLE,
  region: 'eu-west-1',
  sessionName: 'payments.reporter',
  tags: {},
  transitiveTagKeys: [],
  ttlSeconds: HOUR,
  issuedTokenType: TokenType.awsCredentials,
  enforcedBy: [],
  deliver: 'credentials',
};
const elsewhere = { ...aws, roleArn: 'arn:aws:iam::210987654321:role/reports' };
const azure: AzureGrant = {
  kind: 'azure',
  mapping: 'blobs',
  targetId: 'api://client',
  tenant: 'tenant',
  clientId: 'client',
  scope: 'https://storage.azure.com/.default',
  authority: 'https://login.microsoftonline.com',
  assertionAudience: 'api://AzureADTokenExchange',
  ttlSeconds: HOUR,
  issuedTokenType: TokenType.accessToken,
  enforcedBy: [],
  deliver: 'credentials',
};
const images: AzureGrant = {
  ...azure,
  mapping: 'images',
  registry: { host: 'reports.azurecr.io', repositories: ['app'] },
};

let clock: FakeClock;
let metrics: ReturnType<typeof createMetrics>;
let clouds: CloudCredentials;
/** Calls that a cloud got, by the account they were for. */
let calls: string[];
/** What a call waits for, and what comes of it. */
let gate: Promise<unknown>;
let life: number;
let failures: Error[];
let size: number;

beforeEach(() => {
  clock = new FakeClock(NOW);
  metrics = createMetrics();
  clouds = new CloudCredentials({ clock, metrics, random: () => 0 });
  calls = [];
  gate = Promise.resolve();
  life = HOUR;
  failures = [];
  size = 100;
});

async function issue(grant: CloudGrant, kind = ''): Promise<Credential> {
  calls.push(`${kind}${grant.targetId}`);
  const id = `credential-${calls.length}`;
  await gate;
  const failure = failures.shift();
  if (failure !== undefined) throw failure;
  return {
    issuedTokenType: grant.issuedTokenType,
    tokenType: 'N_A',
    accessToken: new Secret('x'.repeat(size)),
    expiresAt: Math.floor(clock.now() / 1000) + life,
    id,
  };
}

interface Asked {
  readonly identity?: VerifiedIdentity;
  readonly alone?: boolean;
  readonly call?: () => Promise<Credential>;
}

function ask(grant: CloudGrant = aws, { identity = workload(), alone = false, call }: Asked = {}): Promise<Obtained> {
  return clouds.obtain({
    grant,
    identity,
    issuedAt: Math.floor(clock.now() / 1000),
    alone,
    issue: call ?? (() => issue(grant)),
    renew: () => issue(grant, 'renewal '),
  });
}

async function idOf(asked: Promise<Obtained>): Promise<string> {
  const { credential, reused } = await asked;
  return `${credential.id}${reused ? ' reused' : ''}`;
}

async function failureOf(asked: Promise<unknown>): Promise<OAuthError> {
  const thrown = await asked.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof OAuthError)) throw new Error('an OAuthError was expected', { cause: thrown });
  return thrown;
}

const pod = (number: number) => workload({ pod: { name: `pod-${number}`, uid: `uid-${number}` } });
const many = (count: number) => Array.from({ length: count }, (_, number) => number);

function count(name: 'cloudCredentials' | 'cloudCalls', outcome: string): Promise<number> {
  return metrics[name].get().then(({ values }) => values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0);
}

describe('one call', () => {
  test('serves hundreds of callers that may have the same, and is new to one of them', async () => {
    const ids = await Promise.all(many(384).map(() => idOf(ask())));
    expect(calls).toHaveLength(1);
    expect(ids.filter((id) => id === 'credential-1')).toHaveLength(1);
    expect(ids.filter((id) => id === 'credential-1 reused')).toHaveLength(383);
    expect([await count('cloudCredentials', 'call'), await count('cloudCredentials', 'joined')]).toEqual([1, 383]);
  });

  test('serves one pod only', async () => {
    await Promise.all(many(3).map((number) => ask(aws, { identity: pod(number) })));
    expect(calls).toHaveLength(3);
  });

  test('fails for all who waited for it, and once', async () => {
    failures = [TargetFailure.transient('down')];
    const outcomes = await Promise.all(many(50).map(() => failureOf(ask())));
    expect(new Set(outcomes.map(({ key }) => key))).toEqual(new Set(['target_unavailable']));
    expect(calls).toHaveLength(1);
  });

  test('is not waited for by who may have the credential for a shorter time only', async () => {
    const { promise, resolve } = Promise.withResolvers();
    gate = promise;
    const long = ask({ ...aws, ttlSeconds: HOUR });
    const short = ask({ ...aws, ttlSeconds: 2400 });
    resolve(undefined);
    expect((await long).credential.expiresAt - NOW / 1000).toBe(HOUR);
    expect((await short).credential.expiresAt - NOW / 1000).toBe(2400);
    expect(calls).toHaveLength(2);
  });

  test('stopped before it was made says nothing of who waited for it: those ask for themselves', async () => {
    const stopped = async () => {
      await gate;
      throw new OAuthError('target_denied', { reason: 'inactive' });
    };
    const first = failureOf(ask(aws, { call: stopped }));
    const second = idOf(ask());
    const third = idOf(ask());
    expect((await first).reason).toBe('inactive');
    expect([await second, await third].sort()).toEqual(['credential-1', 'credential-1 reused']);
  });

  test('is made for each token that may be used once, and nothing of it is held', async () => {
    await Promise.all([ask(aws, { alone: true }), ask(aws, { alone: true })]);
    expect(await idOf(ask())).toBe('credential-3');
    expect(await idOf(ask(aws, { alone: true }))).toBe('credential-4');
  });
});

describe('a credential that is held', () => {
  test('is handed out without a call until a quarter of its life is left', async () => {
    await ask();
    clock.advance((HOUR - HOUR / 4) * 1000 - 1);
    expect(await idOf(ask())).toBe('credential-1 reused');
    await clouds.settled();
    expect(calls).toEqual([ROLE, `renewal ${ROLE}`]);
  });

  test('and no longer: then there is a call', async () => {
    await ask();
    clock.advance((HOUR - HOUR / 4) * 1000);
    expect(await idOf(ask())).toBe('credential-2');
  });

  test('is handed out within the ttl of this decision only', async () => {
    await ask({ ...aws, ttlSeconds: 3000 });
    clock.advance(60_000);
    expect(await idOf(ask({ ...aws, ttlSeconds: 2940 }))).toBe('credential-1 reused');
    expect(await idOf(ask({ ...aws, ttlSeconds: 2939 }))).toBe('credential-2');
  });

  test('fits a subject token that has less and less of its life left, by which every ttl is shorter', async () => {
    const ends = NOW / 1000 + 3000;
    for (const seconds of [0, 1, 17, 400]) {
      clock.set(NOW + seconds * 1000);
      await ask({ ...aws, ttlSeconds: ends - seconds - NOW / 1000 });
    }
    expect(calls).toHaveLength(1);
  });

  test('is said to end when this decision ends, though the cloud gave some seconds more', async () => {
    life = HOUR + 4;
    expect((await ask()).credential.expiresAt).toBe(NOW / 1000 + HOUR);
    expect((await ask()).credential.expiresAt).toBe(NOW / 1000 + HOUR);
  });

  test('lives as long as the cloud says where that is shorter', async () => {
    life = 900;
    await ask();
    clock.advance(674_000);
    expect(await idOf(ask())).toBe('credential-1 reused');
    clock.advance(1000);
    await clouds.settled();
    expect(await idOf(ask())).toBe('credential-2 reused');
  });

  test('that outlives its ttl because the mapping accepts that goes to nobody who has a cap', async () => {
    life = 24 * HOUR;
    const accepted = { ...azure, ttlCeilingSeconds: Number.POSITIVE_INFINITY };
    expect((await ask(accepted)).credential.expiresAt - NOW / 1000).toBe(24 * HOUR);
    expect(await idOf(ask(accepted))).toBe('credential-1 reused');
    life = HOUR;
    expect(await idOf(ask({ ...azure, ttlCeilingSeconds: 2 * HOUR }))).toBe('credential-2');
  });

  test('is not believed to be young because the clock was set back', async () => {
    const accepted = { ...azure, ttlCeilingSeconds: Number.POSITIVE_INFINITY };
    await ask();
    await ask(accepted);
    clock.advance(-2 * HOUR * 1000);
    expect(await idOf(ask())).toBe('credential-3');
    expect(await idOf(ask(accepted))).toBe('credential-4');
  });

  test('that has ended already is not held', async () => {
    life = 0;
    await ask();
    expect(await idOf(ask())).toBe('credential-2');
  });
});

describe('a renewal', () => {
  const toRenewal = () => clock.advance((HOUR / 2) * 1000);

  test('is made by one of many callers past half of the life, and none of them waits for it', async () => {
    await ask();
    toRenewal();
    const { promise, resolve } = Promise.withResolvers();
    gate = promise;
    const ids = await Promise.all(many(100).map(() => idOf(ask())));
    expect(new Set(ids)).toEqual(new Set(['credential-1 reused']));
    expect(calls).toEqual([ROLE, `renewal ${ROLE}`]);
    resolve(undefined);
    await clouds.settled();
    expect(await idOf(ask())).toBe('credential-2 reused');
  });

  test('is not made before', async () => {
    await ask();
    clock.advance((HOUR / 2) * 1000 - 1);
    await ask();
    expect(calls).toHaveLength(1);
  });

  test('that fails leaves what is held, and is tried again after a while', async () => {
    await ask();
    toRenewal();
    failures = [TargetFailure.transient('down'), TargetFailure.transient('down')];
    for (const _ of many(20)) expect(await idOf(ask())).toBe('credential-1 reused');
    await clouds.settled();
    expect(calls).toHaveLength(2);
    clock.advance(15_000);
    expect(await idOf(ask())).toBe('credential-1 reused');
    await clouds.settled();
    expect(calls).toHaveLength(3);
  });

  test('serves callers that come when what was held is handed out no more', async () => {
    await ask();
    toRenewal();
    const { promise, resolve } = Promise.withResolvers();
    gate = promise;
    await ask();
    clock.advance((HOUR / 4) * 1000);
    const waiting = idOf(ask());
    resolve(undefined);
    expect(await waiting).toBe('credential-2 reused');
    expect(calls).toHaveLength(2);
  });

  test('is not made while the account throttles', async () => {
    await ask();
    toRenewal();
    failures = [TargetFailure.throttled('busy', 30)];
    await failureOf(ask(aws, { identity: pod(1) }));
    expect(await idOf(ask())).toBe('credential-1 reused');
    expect(calls).toHaveLength(2);
  });
});

describe('a failure', () => {
  test.each([
    ['denied', TargetFailure.denied('AccessDenied')],
    ['not_found', TargetFailure.notFound('no such role')],
    ['too_narrow', TargetFailure.tooNarrow('PackedPolicyTooLarge')],
  ])('of class %s is remembered for ten seconds and for who met it', async (failure, thrown) => {
    failures = [thrown];
    await failureOf(ask());
    clock.advance(9_999);
    expect(await failureOf(ask())).toMatchObject({ failure, reason: thrown.reason });
    expect(calls).toHaveLength(1);
    expect(await idOf(ask(aws, { identity: pod(1) }))).toBe('credential-2');
    clock.advance(1);
    expect(await idOf(ask())).toBe('credential-3');
    expect([await count('cloudCredentials', 'remembered_failure'), await count('cloudCalls', failure)]).toEqual([1, 1]);
  });

  test('of class throttled stops all calls of that account until its Retry-After has passed, and of no other', async () => {
    failures = [TargetFailure.throttled('Throttling', 30)];
    await failureOf(ask());
    clock.advance(10_500);
    const refused = await failureOf(ask(aws, { identity: pod(1) }));
    expect(refused).toMatchObject({ failure: 'throttled', status: 503, retryAfterSeconds: 20 });
    expect(calls).toHaveLength(1);
    expect(await idOf(ask(elsewhere))).toBe('credential-2');
    clock.advance(19_500);
    expect(await idOf(ask())).toBe('credential-3');
  });

  test('of class throttled that a registry met leaves the tenant to others, and another registry too', async () => {
    failures = [TargetFailure.throttled('registry: token, HTTP 429', 30)];
    await failureOf(ask(images));
    expect(await failureOf(ask(images, { identity: pod(1) }))).toMatchObject({ failure: 'throttled' });
    expect(calls).toHaveLength(1);
    expect(await idOf(ask(azure))).toBe('credential-2');
    expect(await idOf(ask({ ...images, registry: { host: 'other.azurecr.io', repositories: ['app'] } }))).toBe(
      'credential-3',
    );
  });

  test('of class throttled that a tenant met stops all scopes and clients of it, and not its registries', async () => {
    failures = [TargetFailure.throttled('AADSTS90055', 30)];
    await failureOf(ask(azure));
    expect(await failureOf(ask({ ...azure, mapping: 'queues', clientId: 'other' }))).toMatchObject({ status: 503 });
    expect(calls).toHaveLength(1);
    expect(await idOf(ask(images))).toBe('credential-2');
  });

  test('of class throttled lasts a minute at most, whatever the target says', async () => {
    failures = [TargetFailure.throttled('Throttling', 86_400)];
    await failureOf(ask());
    expect(await failureOf(ask())).toMatchObject({ retryAfterSeconds: 60 });
    clock.advance(60_000);
    expect(await idOf(ask())).toBe('credential-2');
  });

  test('of class transient is never remembered, nor one that is Carnet’s own', async () => {
    failures = [TargetFailure.transient('down', 60), new OAuthError('internal'), new OAuthError('audit_unavailable')];
    for (const _ of many(3)) await failureOf(ask());
    expect(await idOf(ask())).toBe('credential-4');
  });

  test('does not last longer because the clock was set back', async () => {
    failures = [TargetFailure.denied('AccessDenied'), TargetFailure.throttled('Throttling')];
    await failureOf(ask());
    clock.advance(-1000);
    await failureOf(ask());
    clock.advance(-1000);
    expect(await idOf(ask())).toBe('credential-3');
  });
});

describe('a cloud that hangs', () => {
  test('gets sixteen calls of an account at once, and accounts beside it are answered', async () => {
    const { promise, resolve } = Promise.withResolvers();
    gate = promise;
    const hanging = many(100).map((number) => ask(aws, { identity: pod(number) }));
    expect(calls).toHaveLength(16);
    gate = Promise.resolve();
    await Promise.all(many(50).map((number) => ask(elsewhere, { identity: pod(number) })));
    await Promise.all(many(50).map((number) => ask(azure, { identity: pod(number) })));
    expect(calls).toHaveLength(116);
    resolve(undefined);
    await Promise.all(hanging);
    expect(calls).toHaveLength(200);
  });

  test('lets so many wait for it and tells further ones to come back; other kinds of target go on', async () => {
    const { promise, resolve } = Promise.withResolvers();
    gate = promise;
    const hanging = [...many(384).map(() => ask()), ...many(128).map(() => ask(elsewhere))];
    const third = { ...aws, region: 'eu-central-1' };
    expect(await failureOf(ask(third))).toMatchObject({ failure: 'transient', status: 503, retryAfterSeconds: 2 });
    gate = Promise.resolve();
    expect((await ask(azure)).reused).toBe(false);
    resolve(undefined);
    await Promise.all(hanging);
    expect(await idOf(ask())).toBe('credential-1 reused');
  });

  test('keeps no more than three quarters of these places from the other accounts of its kind', async () => {
    const { promise, resolve } = Promise.withResolvers();
    gate = promise;
    const hanging = many(384).map(() => ask());
    expect(await failureOf(ask())).toMatchObject({ failure: 'transient', status: 503, retryAfterSeconds: 2 });
    gate = Promise.resolve();
    expect((await ask(elsewhere)).reused).toBe(false);
    resolve(undefined);
    await Promise.all(hanging);
    expect((await ask()).reused).toBe(true);
  });

  test('has places for 240 waiting calls of an account; who finds none is told to come back', async () => {
    const { promise, resolve } = Promise.withResolvers();
    gate = promise;
    const hanging = many(256).map((number) => ask(aws, { identity: pod(number) }));
    expect(await failureOf(ask(aws, { identity: pod(999) }))).toMatchObject({ status: 503, retryAfterSeconds: 2 });
    resolve(undefined);
    await Promise.all(hanging);
  });

  test('has a place for another ServiceAccount, however many pods of one wait for theirs', async () => {
    const { promise, resolve } = Promise.withResolvers();
    gate = promise;
    const hanging = many(256).map((number) => ask(aws, { identity: pod(number) }));
    const other = idOf(ask(aws, { identity: workload({ serviceAccount: 'other' }) }));
    expect(await failureOf(hanging.at(-1) ?? other)).toMatchObject({ status: 503 });
    resolve(undefined);
    expect(await other).toMatch(/^credential-/);
    await Promise.all(hanging.slice(0, -1));
  });

  test('is not waited for without end, and what it answers later is held for the next', async () => {
    clouds = new CloudCredentials({ clock, metrics, patienceMs: 5 });
    const { promise, resolve } = Promise.withResolvers();
    gate = promise;
    expect(await failureOf(ask())).toMatchObject({ failure: 'transient', status: 503 });
    resolve(undefined);
    await clouds.settled();
    expect(await idOf(ask())).toBe('credential-1 reused');
  });

  test('gets no call for which nobody waits any more', async () => {
    clouds = new CloudCredentials({ clock, metrics, patienceMs: 5 });
    const { promise, resolve } = Promise.withResolvers();
    gate = promise;
    await Promise.all(many(40).map((number) => failureOf(ask(aws, { identity: pod(number) }))));
    resolve(undefined);
    await clouds.settled();
    expect(calls).toHaveLength(16);
  });
});

describe('what is held', () => {
  test('is bounded: of more callers than that the first are called for again', async () => {
    for (const number of many(10_001)) await ask(aws, { identity: pod(number) });
    expect(await idOf(ask(aws, { identity: pod(10_000) }))).toBe('credential-10001 reused');
    expect(await idOf(ask(aws, { identity: pod(0) }))).toBe('credential-10002');
  });

  test('is bounded in bytes too, and what is very large is not held at all', async () => {
    size = 60_000;
    for (const number of many(300)) await ask(aws, { identity: pod(number) });
    expect(await idOf(ask(aws, { identity: pod(299) }))).toBe('credential-300 reused');
    expect(await idOf(ask(aws, { identity: pod(0) }))).toBe('credential-301');
    size = 66_000;
    await ask(azure);
    expect(await idOf(ask(azure))).toBe('credential-303');
  });

  test('prints as no secret, and metrics name nobody', async () => {
    await ask();
    expect(JSON.stringify(await ask())).not.toContain('xxx');
    expect(await metrics.registry.metrics()).not.toMatch(/payments|reporter|credential-1/);
  });
});
