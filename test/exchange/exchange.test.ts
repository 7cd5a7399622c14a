import { beforeEach, describe, expect, test } from 'vitest';
import type { AuditLog } from '../../src/audit/audit-log.ts';
import type { AuditEvent } from '../../src/audit/events.ts';
import type { Credential } from '../../src/core/credential.ts';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { CloudCredentials } from '../../src/exchange/cloud-credentials.ts';
import { createExchange } from '../../src/exchange/exchange.ts';
import type { ExchangeRequest } from '../../src/exchange/exchange-request.ts';
import type { Admission } from '../../src/exchange/identity-rate.ts';
import { Journal } from '../../src/exchange/journal.ts';
import type { Snapshot } from '../../src/policy/snapshot.ts';
import type { Document } from '../../src/resources/document.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock } from '../support/fake-clock.ts';
import {
  ask,
  awsMapping,
  cluster,
  document,
  guardrail,
  NOW,
  ROLE,
  snapshotOf,
  svidMapping,
  workload,
} from '../support/policy-builders.ts';

const PROD = cluster('prod-eu', { tier: 'prod' });
const SVID = svidMapping('mesh');
const AWS = awsMapping('reports');
const HANDED_OUT = awsMapping('handed-out', {
  target: { aws: { roleArn: `${ROLE}-tool`, region: 'eu-west-1' } },
  deliver: 'assertion',
  residual: { accept: ['ttl'], reason: 'the tool calls AWS itself' },
});
const ONCE = svidMapping('once', { replay: 'once', target: { jwtSvid: { audiences: ['till'] } } });
const AWS_ONCE = awsMapping('reports-once', {
  target: { aws: { roleArn: `${ROLE}-once`, region: 'eu-west-1' } },
  replay: 'once',
});
const STOP = guardrail('stop', { match: { issuers: ['prod-eu'] }, deny: 'true', message: 'INC-42' });
const before = snapshotOf(PROD, SVID, AWS, HANDED_OUT, ONCE, AWS_ONCE);

/** What an exchange did, in the order in which it did it. */
let story: string[];
let events: AuditEvent[];
let counted: [string | undefined, string, boolean | undefined][];
let current: Snapshot;
/** What happens while a record becomes durable, by its type. */
let during: Readonly<Record<string, () => void>>;
let whileIssuing: () => void;
let admission: Admission;
let whileUsingUp: () => void;
let asked: string[];
let whileTaking: () => void;
let clouds: CloudCredentials;

const clock = new FakeClock(NOW);

beforeEach(() => {
  clock.set(NOW);
  clouds = new CloudCredentials({ clock, metrics: createMetrics() });
  story = [];
  events = [];
  counted = [];
  current = before;
  during = {};
  whileIssuing = () => undefined;
  admission = { admitted: true };
  whileUsingUp = () => story.push('used up');
  asked = [];
  whileTaking = () => story.push('use taken');
});

const audit: AuditLog = {
  async record(event) {
    during[event.type]?.();
    await new Promise((done) => setImmediate(done));
    story.push(`${event.type} durable`);
    events.push(event);
  },
  note(event) {
    story.push(event.type);
    events.push(event);
  },
  countRefused: (issuer, reason, verified) => counted.push([issuer, reason, verified]),
  head: () => ({ seq: 0, hash: '' }),
  state: () => ({ ok: true }),
  close: async () => undefined,
};

function credential(id: string): Credential {
  const expiresAt = NOW / 1000 + 60;
  return { issuedTokenType: TokenType.jwt, tokenType: 'N_A', accessToken: new Secret('made'), expiresAt, id };
}

async function made(id: string): Promise<Credential> {
  story.push('made');
  whileIssuing();
  return credential(id);
}

const metrics = createMetrics();
const exchange = createExchange({
  catalog: { current: () => current },
  verify: async (token) => {
    if (token.reveal() === 'forged') throw new OAuthError('token_signature', { issuer: 'prod-eu' });
    if (token.reveal() === 'broken') throw new TypeError('unforeseen');
    return workload();
  },
  rate: { admit: () => admission },
  singleUse: { consume: async () => whileUsingUp() },
  accessAsking: { ask: ({ awaited }) => asked.push(awaited.request) },
  accessUse: { take: async () => whileTaking() },
  journal: new Journal(audit),
  targets: {
    aws: {
      kind: 'aws',
      issue: (grant, _, { id }) => made(grant.deliver === 'assertion' ? id : 'ASIAEXAMPLE'),
    },
    gcp: { kind: 'gcp', issue: (_grant, _identity, { id }) => made(id) },
    azure: { kind: 'azure', issue: (_grant, _identity, { id }) => made(id) },
    oauth: { kind: 'oauth', issue: (_grant, _identity, { id }) => made(id) },
    jwtSvid: { kind: 'jwtSvid', issue: (_grant, _identity, { id }) => made(id) },
  },
  clouds: { obtain: (wanted) => clouds.obtain(wanted) },
  metrics,
  clock,
});

/** The key of the error and its reason, or `released`. */
async function outcome(address: string, token = 'good'): Promise<string> {
  const request: ExchangeRequest = {
    subjectToken: new Secret(token),
    subjectTokenType: TokenType.jwt,
    ask: ask(address),
  };
  try {
    await exchange(request, { traceId: 'trace', door: 'token' });
    return 'released';
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error;
    return [error.key, error.reason].filter((part) => part !== undefined).join(' ');
  }
}

function specOf(one: Document): object {
  if (!one.valid) throw new Error(`${one.name} is not valid`);
  return one.spec;
}

const unwritten = () => {
  throw new OAuthError('audit_unavailable');
};
const names = () => events.map((event) => ('credential' in event ? event.credential?.id : undefined));

describe('an exchange is recorded (DESIGN section 4)', () => {
  test('before anything is made; what Carnet signs is named then and noted afterwards', async () => {
    expect(await outcome('ledger')).toBe('released');
    expect(story).toEqual(['allowed durable', 'made', 'issued']);
    const [allowed, issued] = names();
    expect(allowed).toMatch(/^[0-9a-f-]{36}$/);
    expect(issued).toBe(allowed);
  });

  test('with a delivered assertion as one that Carnet signs itself', async () => {
    expect(await outcome('handed-out')).toBe('released');
    expect(story).toEqual(['allowed durable', 'made', 'issued']);
    expect(new Set(names()).size).toBe(1);
  });

  test('and a credential of a cloud is released once its own name is durable too', async () => {
    expect(await outcome('reports')).toBe('released');
    expect(story).toEqual(['allowed durable', 'made', 'issued durable']);
    expect(names()).toEqual([undefined, 'ASIAEXAMPLE']);
  });

  test('as refused, without a wait and with nothing made', async () => {
    current = snapshotOf(PROD, SVID, STOP);
    expect([await outcome('ledger'), story]).toEqual(['target_denied guardrail', ['refused']]);
  });

  test('with what a mapping that only reports, and a shadow, would have come to; and counts that', async () => {
    const until = '2026-11-23T00:00:00Z';
    const trial = svidMapping('trial', {
      when: 'false',
      mode: 'report',
      until,
      target: { jwtSvid: { audiences: ['a'] } },
    });
    const shadow = svidMapping('shadow', { mode: 'shadow' });
    current = snapshotOf(PROD, SVID, trial, shadow);
    metrics.decisionsBeside.reset();
    expect([await outcome('a'), await outcome('ledger'), await outcome('shadow')]).toEqual([
      'released',
      'released',
      'target_refused',
    ]);
    const beside = events.flatMap((event) => ('beside' in event && event.beside ? [[event.type, event.beside]] : []));
    const refused = { mode: 'report', mapping: 'trial', outcome: 'refused', reason: 'condition_not_met' };
    expect(beside).toMatchObject([
      ['allowed', [refused]],
      ['allowed', [{ mode: 'shadow', mapping: 'shadow', outcome: 'allowed' }]],
      ['refused', [{ mode: 'shadow', mapping: 'shadow', outcome: 'allowed' }]],
    ]);
    const counted = (await metrics.decisionsBeside.get()).values.map(({ labels, value }) => [labels, value]);
    expect(counted).toEqual([
      [{ mode: 'report', outcome: 'refused' }, 1],
      [{ mode: 'shadow', outcome: 'allowed' }, 2],
    ]);
  });

  test('as a count where the token proved nothing', async () => {
    expect([await outcome('ledger', 'forged'), await outcome('ledger', 'broken')]).toEqual([
      'token_signature',
      'internal',
    ]);
    expect([story, counted]).toEqual([
      [],
      [
        ['prod-eu', 'token_signature', false],
        [undefined, 'internal', false],
      ],
    ]);
  });
});

describe('a credential of a cloud that was issued for another request', () => {
  test('has a record of its own, durable before it is answered', async () => {
    await outcome('reports');
    story = [];
    expect(await outcome('reports')).toBe('released');
    expect(story).toEqual(['allowed durable', 'reused durable']);
    expect(events.at(-1)).toMatchObject({
      type: 'reused',
      mapping: 'reports',
      credential: { id: 'ASIAEXAMPLE', expiresAt: NOW / 1000 + 60 },
    });
  });

  test('is recorded as issued before anybody records that it is reused', async () => {
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcome('reports')));
    expect(new Set(outcomes)).toEqual(new Set(['released']));
    expect(story.filter((step) => step === 'made')).toHaveLength(1);
    const types = events.map(({ type }) => type);
    expect(types.filter((type) => type === 'allowed')).toHaveLength(20);
    expect(types.filter((type) => type === 'reused')).toHaveLength(19);
    expect(types.indexOf('issued')).toBeLessThan(types.indexOf('reused'));
  });

  test.each(['allowed', 'reused'])('stays where it is when "%s" cannot be written (promise 1)', async (type) => {
    await outcome('reports');
    during = { [type]: unwritten };
    expect(await outcome('reports')).toBe('audit_unavailable');
  });

  test('was never held when its name could not be written: the next request asks the cloud again', async () => {
    during = { issued: unwritten };
    await Promise.all([outcome('reports'), outcome('reports')]);
    during = {};
    story = [];
    expect(await outcome('reports')).toBe('released');
    expect(story).toEqual(['allowed durable', 'made', 'issued durable']);
  });

  test.each(['allowed', 'reused'])('is kept back by a stop that comes while "%s" becomes durable', async (type) => {
    await outcome('reports');
    during = {
      [type]: () => {
        current = snapshotOf(PROD, SVID, AWS, HANDED_OUT, STOP);
      },
    };
    expect(await outcome('reports')).toBe('target_denied guardrail');
    expect(story.at(-1)).toBe('failed');
    expect(await outcome('reports')).toBe('target_denied guardrail');
  });

  test('is renewed by a call with records of its own, which the request does not wait for', async () => {
    await outcome('reports');
    clock.advance(44_000);
    story = [];
    expect(await outcome('reports')).toBe('released');
    expect(story).not.toContain('issued durable');
    await clouds.settled();
    expect(story.toSorted()).toEqual([
      'allowed durable',
      'allowed durable',
      'issued durable',
      'made',
      'reused durable',
    ]);
    expect(story.lastIndexOf('allowed durable')).toBeLessThan(story.indexOf('made'));
  });

  test('is not renewed for somebody who is stopped, and the log says that it was not', async () => {
    await outcome('reports');
    clock.advance(44_000);
    let allowances = 0;
    during = {
      allowed: () => {
        allowances += 1;
        if (allowances === 2) current = snapshotOf(PROD, SVID, AWS, HANDED_OUT, STOP);
      },
    };
    story = [];
    await outcome('reports');
    await clouds.settled();
    expect(story).not.toContain('made');
    expect(story).toContain('failed');
  });

  test('is never one of a mapping whose tokens are for single use, nor what Carnet signs itself', async () => {
    for (const address of ['reports-once', 'ledger', 'handed-out']) {
      story = [];
      await outcome(address);
      await outcome(address);
      expect(story.filter((step) => step === 'made')).toHaveLength(2);
    }
    expect(events.map(({ type }) => type)).not.toContain('reused');
  });
});

describe('an audit log that cannot write (promise 1)', () => {
  test.each(['ledger', 'handed-out', 'reports'])('lets nothing be made for %s', async (address) => {
    during = { allowed: unwritten };
    expect([await outcome(address), story]).toEqual(['audit_unavailable', []]);
  });

  test('keeps back what a cloud has made, and says that it failed', async () => {
    during = { issued: unwritten };
    expect([await outcome('reports'), story]).toEqual(['audit_unavailable', ['allowed durable', 'made', 'failed']]);
  });
});

describe('a target that fails', () => {
  test('is recorded as failed, and what nobody foresaw is an internal error', async () => {
    whileIssuing = () => {
      throw new OAuthError('target_unavailable');
    };
    expect([await outcome('reports'), story]).toEqual(['target_unavailable', ['allowed durable', 'made', 'failed']]);
    whileIssuing = () => {
      throw new TypeError('unforeseen');
    };
    expect(await outcome('ledger')).toBe('internal');
    expect(events.at(-1)).toMatchObject({ type: 'failed', error: 'internal', mapping: 'mesh' });
  });
});

describe('a stop that comes during an exchange', () => {
  const stop = () => {
    current = snapshotOf(PROD, SVID, AWS, HANDED_OUT, STOP);
  };

  test.each(['ledger', 'handed-out'])(
    'keeps back what Carnet has signed for %s, which then was never issued',
    async (address) => {
      whileIssuing = stop;
      expect([await outcome(address), story]).toEqual([
        'target_denied guardrail',
        ['allowed durable', 'made', 'failed'],
      ]);
    },
  );

  test.each(['ledger', 'handed-out', 'reports'])(
    'while "allowed" becomes durable lets nothing be made for %s: no cloud opens a session',
    async (address) => {
      during = { allowed: stop };
      expect([await outcome(address), story]).toEqual(['target_denied guardrail', ['allowed durable', 'failed']]);
    },
  );

  test('as a change of the role that a mapping gives counts too: the session of the old one is kept back', async () => {
    whileIssuing = () => {
      const target = { aws: { roleArn: `${ROLE}-narrow`, region: 'eu-west-1' } };
      current = snapshotOf(PROD, SVID, awsMapping('reports', { target }));
    };
    expect(await outcome('reports')).toBe('target_denied inactive');
    expect([story.at(-1), names()]).toEqual(['failed', [undefined, 'ASIAEXAMPLE', undefined]]);
  });

  test('as intents that the mapping has by then count too: the session that may do more is kept back', async () => {
    whileIssuing = () => {
      const intents = [{ allow: 'object.read', resource: { bucket: 'reports' } }];
      current = snapshotOf(PROD, SVID, awsMapping('reports', { intents }));
    };
    expect(await outcome('reports')).toBe('target_denied inactive');
  });

  test('as a mapping that is for another kind of target by then counts too, whatever that is called', async () => {
    current = snapshotOf(PROD, svidMapping('till', { target: { jwtSvid: { audiences: ['till-7'] } } }));
    whileIssuing = () => {
      current = snapshotOf(PROD, svidMapping('till', { target: { jwtSvid: { audiences: ['till-8'] } } }));
    };
    expect(await outcome('till')).toBe('target_denied inactive');
    current = snapshotOf(PROD, AWS);
    whileIssuing = () => {
      current = snapshotOf(PROD, svidMapping('reports'));
    };
    expect(await outcome('reports')).toBe('target_denied inactive');
  });

  test('as a mapping that no longer hands its assertion out counts too', async () => {
    whileIssuing = () => {
      const target = { aws: { roleArn: `${ROLE}-tool`, region: 'eu-west-1' } };
      current = snapshotOf(PROD, awsMapping('handed-out', { target }));
    };
    expect(await outcome('handed-out')).toBe('target_denied inactive');
  });

  test('keeps back a session that a cloud has opened, whose name is in the log all the same', async () => {
    during = { issued: stop };
    expect(await outcome('reports')).toBe('target_denied guardrail');
    expect([story.at(-1), names()]).toEqual(['failed', [undefined, 'ASIAEXAMPLE', undefined]]);
  });

  test('as a removed mapping or issuer counts too', async () => {
    whileIssuing = () => {
      current = snapshotOf(PROD, AWS);
    };
    expect(await outcome('ledger')).toBe('target_denied inactive');
    current = before;
    whileIssuing = () => {
      current = snapshotOf(SVID, AWS);
    };
    expect(await outcome('ledger')).toBe('target_denied inactive');
  });

  test('as an issuer that no longer carries the label of a selector counts too', async () => {
    const subject = { issuerSelector: { tier: 'prod' }, namespace: '*', serviceAccount: '*' };
    const wide = svidMapping('wide', { subject });
    current = snapshotOf(PROD, wide);
    whileIssuing = () => {
      current = snapshotOf(cluster('prod-eu', { tier: 'test' }), wide);
    };
    expect(await outcome('ledger')).toBe('target_denied inactive');
  });

  test('and a change that leaves the mapping as it was stops nothing', async () => {
    whileIssuing = () => {
      current = snapshotOf(PROD, SVID, AWS, cluster('edge-7'));
    };
    expect(await outcome('ledger')).toBe('released');
  });
});

describe('a token for single use (R5)', () => {
  test('is used up after policy has allowed it and before that is recorded', async () => {
    expect(await outcome('till')).toBe('released');
    expect(story).toEqual(['used up', 'allowed durable', 'made', 'issued']);
  });

  test('is so for every mapping where the issuer says so', async () => {
    current = snapshotOf(document('TrustedIssuer', 'prod-eu', { ...specOf(PROD), replay: 'once' }), SVID);
    expect(await outcome('ledger')).toBe('released');
    expect(story[0]).toBe('used up');
  });

  test('is not used up by what policy refuses, nor by a token that proves nothing', async () => {
    current = snapshotOf(PROD, ONCE, STOP);
    expect(await outcome('till')).toBe('target_denied guardrail');
    expect(await outcome('nowhere')).toBe('target_refused');
    expect(await outcome('till', 'forged')).toBe('token_signature');
    expect(story).toEqual(['refused', 'refused']);
  });

  test.each(['token_replayed', 'replay_unavailable', 'token_claims'] as const)(
    'gets nothing made when it is %s, and the record says why',
    async (key) => {
      whileUsingUp = () => {
        throw new OAuthError(key);
      };
      expect([await outcome('till'), story]).toEqual([key, ['refused']]);
      expect(events).toMatchObject([{ type: 'refused', mapping: 'once', error: key }]);
    },
  );

  test('stays used up when what follows fails', async () => {
    during = { allowed: unwritten };
    expect([await outcome('till'), story]).toEqual(['audit_unavailable', ['used up']]);
  });

  test('is used up once, though a change of resources has it decided twice', async () => {
    whileIssuing = () => {
      current = snapshotOf(PROD, SVID, AWS, HANDED_OUT, ONCE, cluster('edge-7'));
    };
    expect(await outcome('till')).toBe('released');
    expect(story.filter((step) => step === 'used up')).toHaveLength(1);
  });
});

describe('an identity that asks too often (E10)', () => {
  test('is refused before policy, uses nothing up, and is recorded where that is worth it', async () => {
    admission = { admitted: false, retryAfterSeconds: 7, worthRecord: true };
    expect([await outcome('till'), story, counted]).toEqual(['rate_limited', ['refused'], []]);
    expect(events).toMatchObject([{ type: 'refused', error: 'rate_limited', mapping: undefined }]);
  });

  test('is only counted otherwise', async () => {
    admission = { admitted: false, retryAfterSeconds: 7, worthRecord: false };
    expect([await outcome('till'), story, counted]).toEqual(['rate_limited', [], [['prod-eu', 'rate_limited', true]]]);
  });

  test('learns when to come back', async () => {
    admission = { admitted: false, retryAfterSeconds: 7, worthRecord: false };
    const request = { subjectToken: new Secret('good'), subjectTokenType: TokenType.jwt, ask: ask('till') };
    await expect(exchange(request, { traceId: 'trace', door: 'token' })).rejects.toMatchObject({
      status: 429,
      code: 'slow_down',
      retryAfterSeconds: 7,
    });
  });

  test('is told so only once its token is verified: a forged one costs the named identity nothing', async () => {
    admission = { admitted: false, retryAfterSeconds: 7, worthRecord: true };
    expect(await outcome('till', 'forged')).toBe('token_signature');
  });
});
