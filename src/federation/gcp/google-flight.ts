import type { Clock } from '../../core/clock.ts';
import type { JsonObject } from '../../core/json.ts';
import { TargetFailure } from '../../core/target-failure.ts';
import { createGaxiosAdapter, type GaxiosRequest } from '../../outbound/gaxios-adapter.ts';
import type { Outbound, OutboundAnswer } from '../../outbound/outbound.ts';
import { jsonObjectIn, MAX_ANSWER_BYTES } from '../answer.ts';
import { GoogleError, type GoogleService, unusableAnswer } from './google-error.ts';

export interface FlightDeps {
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** Deadline of each call. */
  readonly callMs: number;
  /** Deadline of all calls together. */
  readonly flightMs: number;
}

/** The calls of one issuance, under one deadline. Each gives a JSON object, or throws GoogleError, OutboundError, TargetFailure. */
export interface GoogleFlight {
  /** What Google's library wants sent to STS. */
  readonly exchange: (request: GaxiosRequest) => Promise<JsonObject>;
  /** A POST of JSON with a bearer token, to IAM Credentials. */
  readonly post: (url: string, bearer: string, body: JsonObject) => Promise<JsonObject>;
}

export function createFlight({ outbound, clock, callMs, flightMs }: FlightDeps): GoogleFlight {
  const endsAt = clock.now() + flightMs;
  const timeoutMs = (): number => {
    const leftMs = endsAt - clock.now();
    if (leftMs <= 0) throw TargetFailure.transient(`Google did not answer all calls within ${flightMs} ms`);
    return Math.min(callMs, leftMs);
  };
  const frame = { purpose: 'gcp', maxBytes: MAX_ANSWER_BYTES };
  const adapter = createGaxiosAdapter({ outbound, timeoutMs, ...frame });
  return {
    exchange: async (request) => read('STS', await adapter(request)),
    post: async (url, bearer, body) => {
      const answer = await outbound.request({
        url,
        method: 'POST',
        headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify(body),
        timeoutMs: timeoutMs(),
        ...frame,
      });
      return read('IAM Credentials', answer);
    },
  };
}

function read(service: GoogleService, answer: OutboundAnswer): JsonObject {
  if (answer.status !== 200) throw new GoogleError(service, answer);
  const object = jsonObjectIn(answer.body);
  if (object === undefined) throw unusableAnswer(service, 'it is not a JSON object');
  return object;
}
