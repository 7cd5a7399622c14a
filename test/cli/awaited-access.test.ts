import { describe, expect, test } from 'vitest';
import { whenApproved } from '../../src/cli/awaited-access.ts';
import { CommandError, ExitCode } from '../../src/cli/exit-code.ts';
import type { EndpointAnswer } from '../../src/cli/token-endpoint.ts';
import { FakeSurroundings } from './fake-surroundings.ts';

const answer = (status: number, more: Partial<EndpointAnswer> = {}): EndpointAnswer => ({
  status,
  body: {},
  retryAfter: undefined,
  accessRequest: undefined,
  ...more,
});
const AWAITING = answer(400, {
  body: { reason: 'awaiting_approval' },
  accessRequest: `ar-${'0'.repeat(32)};state=asked`,
});
const DOWN = new CommandError(ExitCode.unavailable, 'cannot be reached (ECONNREFUSED)');

/** Each repetition has the next of these, the last for ever. */
function waiting(waitForSeconds: number, answers: readonly (EndpointAnswer | Error)[]) {
  let asked = 0;
  const ask = async () => {
    const next = answers[Math.min(asked, answers.length - 1)];
    asked += 1;
    if (next instanceof Error || next === undefined) throw next;
    return next;
  };
  return whenApproved(AWAITING, { waitForSeconds, ask }, new FakeSurroundings());
}

describe('waiting for approval', () => {
  test('outlasts a server that is restarted, and one that answers 503', async () => {
    expect((await waiting(10, [DOWN, answer(200)])).status).toBe(200);
    expect((await waiting(10, [answer(503), answer(200)])).status).toBe(200);
  });

  test('ends with what was last, also where that is no answer', async () => {
    await expect(waiting(1, [DOWN])).rejects.toBe(DOWN);
    expect(await waiting(1, [AWAITING])).toBe(AWAITING);
  });

  test('ends at once with what no waiting mends', async () => {
    const wrong = new CommandError(ExitCode.usage, 'the token file is gone');
    await expect(waiting(1, [wrong])).rejects.toBe(wrong);
  });
});
