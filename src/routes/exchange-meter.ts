import type { FastifyReply } from 'fastify';
import type { OAuthError } from '../core/oauth-error.ts';
import type { DoorOfExchange } from '../exchange/exchange-request.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Counts what comes of the requests at one door for credentials, refusals of form included. */
export function exchangeMeter({ exchanges, exchangeSeconds }: Metrics, door: DoorOfExchange) {
  const count = (outcome: string, error: string, reply: FastifyReply) => {
    exchanges.inc({ door, outcome, error });
    exchangeSeconds.observe({ door, outcome }, reply.elapsedTime / 1000);
  };
  return {
    issued: (reply: FastifyReply) => count('issued', '', reply),
    refused: (error: OAuthError, reply: FastifyReply) =>
      count(error.status >= 500 ? 'failed' : 'refused', error.key, reply),
  };
}
