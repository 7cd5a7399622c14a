import { describe, expect, test } from 'vitest';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import type { ExchangeRequest } from '../../src/exchange/exchange-request.ts';
import { admitted } from '../../src/routes/admission.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { credential } from './door-fixture.ts';

const request: ExchangeRequest = {
  subjectToken: new Secret('x'),
  subjectTokenType: TokenType.jwt,
  ask: { address: 'payments', scopes: [] },
};
const context = { traceId: 'a', door: 'token' } as const;

/** Turns that are given at once, or when the test says so. */
function turns(changes: Partial<{ overdue: boolean; turn: () => Promise<void> }> = {}) {
  return { overdue: false, turn: async () => undefined, ...changes };
}

describe('admission', () => {
  test('runs as many exchanges as the limit and refuses the next before any work, with Retry-After', async () => {
    const gate = Promise.withResolvers<void>();
    let started = 0;
    const run = async () => {
      started += 1;
      await gate.promise;
      return credential(new FakeClock());
    };
    const exchange = admitted(run, { limit: 2, turns: turns() });
    const running = [exchange(request, context), exchange(request, context)];
    const refused = await exchange(request, context).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OAuthError);
    expect(refused).toMatchObject({ key: 'overloaded', status: 503, retryAfterSeconds: 5 });
    expect(started).toBe(2);
    gate.resolve();
    await Promise.all(running);
    await expect(exchange(request, context)).resolves.toBeDefined();
  });

  test('counts those that wait for their turn, and begins none before it', async () => {
    const turn = Promise.withResolvers<void>();
    let started = 0;
    const run = async () => {
      started += 1;
      return credential(new FakeClock());
    };
    const exchange = admitted(run, { limit: 1, turns: turns({ turn: () => turn.promise }) });
    const waiting = exchange(request, context);
    await expect(exchange(request, context)).rejects.toMatchObject({ key: 'overloaded' });
    expect(started).toBe(0);
    turn.resolve();
    await waiting;
    expect(started).toBe(1);
  });

  test('refuses everybody before any work while requests wait too long, and nobody afterwards', async () => {
    const queue = turns({ overdue: true });
    let started = 0;
    const run = async () => {
      started += 1;
      return credential(new FakeClock());
    };
    const exchange = admitted(run, { limit: 2, turns: queue });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const refused = exchange(request, context);
      await expect(refused).rejects.toMatchObject({ key: 'overloaded', status: 503, retryAfterSeconds: 5 });
    }
    expect(started).toBe(0);
    queue.overdue = false;
    await Promise.all([exchange(request, context), exchange(request, context)]);
    expect(started).toBe(2);
  });

  test('gives a place back when an exchange fails', async () => {
    const run = () => Promise.reject(new OAuthError('token_expired'));
    const exchange = admitted(run, { limit: 1, turns: turns() });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(exchange(request, context)).rejects.toMatchObject({ key: 'token_expired' });
    }
  });
});
