import { randomUUID } from 'node:crypto';

/** AADSTS numbers that the double answers with: OAuth's word and the HTTP status (clouds.md 2.5). */
export const AADSTS = {
  70003: { error: 'unsupported_grant_type', status: 400 },
  70011: { error: 'invalid_scope', status: 400 },
  70025: { error: 'invalid_client', status: 401 },
  90002: { error: 'invalid_request', status: 400 },
  90061: { error: 'invalid_request', status: 400 },
  500011: { error: 'invalid_resource', status: 400 },
  700016: { error: 'unauthorized_client', status: 400 },
  700024: { error: 'invalid_client', status: 401 },
  700027: { error: 'invalid_client', status: 401 },
  700211: { error: 'invalid_client', status: 401 },
  700212: { error: 'invalid_client', status: 401 },
  700213: { error: 'invalid_client', status: 401 },
  7000218: { error: 'invalid_client', status: 401 },
} as const;
export type AadstsNumber = keyof typeof AADSTS;

/** A refusal as Entra numbers it. */
export class EntraRefusal extends Error {
  override readonly name = 'EntraRefusal';
  readonly number: AadstsNumber;

  constructor(number: AadstsNumber, text: string) {
    super(text);
    this.number = number;
  }
}

export interface EntraTokenAnswer {
  readonly token_type: string;
  readonly expires_in: number;
  readonly ext_expires_in: number;
  readonly access_token: string;
}

/** `codes` are free, so that a test can send a number that nobody knows. */
export function errorJson(error: string, codes: readonly number[], text: string, traceId: string): string {
  return JSON.stringify({
    error,
    error_description: `AADSTS${codes[0]}: ${text} Trace ID: ${traceId}`,
    error_codes: codes,
    timestamp: '2026-11-22 09:00:00Z',
    trace_id: traceId,
    correlation_id: randomUUID(),
    error_uri: `https://login.microsoftonline.com/error?code=${codes[0]}`,
  });
}
