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

describe('admission', () => {
  test('runs as many exchanges as the limit and refuses the next before any work, with Retry-After', async () => {
    const gate = Promise.withResolvers<void>();
    let started = 0;
    const exchange = admitted(async () => {
      started += 1;
      await gate.promise;
      return credential(new FakeClock());
    }, 2);
    const running = [exchange(request, context), exchange(request, context)];
    const refused = await exchange(request, context).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OAuthError);
    expect(refused).toMatchObject({ key: 'overloaded', status: 503, retryAfterSeconds: 5 });
    expect(started).toBe(2);
    gate.resolve();
    await Promise.all(running);
    await expect(exchange(request, context)).resolves.toBeDefined();
  });

  test('gives a place back when an exchange fails', async () => {
    const exchange = admitted(() => Promise.reject(new OAuthError('token_expired')), 1);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(exchange(request, context)).rejects.toMatchObject({ key: 'token_expired' });
    }
  });
});
