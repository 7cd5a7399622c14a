import { setTimeout as pass } from 'node:timers/promises';
import { CommandError, ExitCode } from './exit-code.ts';
import { printable } from './style.ts';
import type { Surroundings } from './surroundings.ts';
import type { EndpointAnswer } from './token-endpoint.ts';

const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 30_000;

interface Wait {
  readonly waitForSeconds: number;
  readonly ask: () => Promise<EndpointAnswer>;
}

export interface AccessRequestNamed {
  readonly name: string;
  readonly state: string;
}

/** The AccessRequest that a refusal names in `Carnet-Access-Request`; undefined for any other answer. */
export function awaitedRequest({ body, accessRequest }: EndpointAnswer): AccessRequestNamed | undefined {
  const [, name, state] = /^(ar-[0-9a-f]{32});state=([a-z]+)$/.exec(accessRequest ?? '') ?? [];
  if (body['reason'] !== 'awaiting_approval' || name === undefined || state === undefined) return undefined;
  return { name, state };
}

/** Whether people may still decide in the caller's favour: after a no, waiting does not help. */
function isPending(answer: EndpointAnswer): boolean {
  const request = awaitedRequest(answer);
  return request !== undefined && request.state !== 'denied' && request.state !== 'withdrawn';
}

/**
 * Asks again, ever less often, while approval is awaited; what is down or busy meanwhile may come back. Resolves to the
 * last answer: the first that is neither, or the one at the end of the time. Throws what `ask` throws, of CommandError
 * `unavailable` the one at the end of the time.
 */
export async function whenApproved(first: EndpointAnswer, { waitForSeconds, ask }: Wait, { err }: Surroundings) {
  const request = awaitedRequest(first);
  if (request === undefined || !isPending(first)) return first;
  const name = printable(request.name);
  // Who that is stands behind the sign-in of the admin door: a workload is told a name and nothing of policy.
  err.write(`carnet: waiting until somebody approves ${name}; carnet access show ${name} tells who may\n`);
  let answer = first;
  let down: CommandError | undefined;
  let waitedMs = 0;
  for (
    let delay = FIRST_DELAY_MS;
    waitedMs + delay <= waitForSeconds * 1000;
    delay = Math.min(2 * delay, MAX_DELAY_MS)
  ) {
    await pass(delay);
    waitedMs += delay;
    try {
      answer = await ask();
      down = undefined;
    } catch (error) {
      if (!(error instanceof CommandError) || error.exitCode !== ExitCode.unavailable) throw error;
      down = error;
      continue;
    }
    const comesBack = answer.status === 429 || answer.status >= 500;
    if (!comesBack && !isPending(answer)) return answer;
  }
  if (down !== undefined) throw down;
  return answer;
}
