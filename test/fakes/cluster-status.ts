import type { Answer } from './cluster-server.ts';

export const CACHEABLE = 'public, max-age=3600';
const UNCACHEABLE = 'no-cache, private';

const REASONS = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  422: 'Invalid',
  503: 'ServiceUnavailable',
} as const;

export type StatusCode = keyof typeof REASONS;

/** Thrown wherever an API server would answer with a `Status` instead of the object. */
export class ApiRefusal extends Error {
  readonly code: StatusCode;
  readonly reason: string;

  constructor(code: StatusCode, message: string, reason: string = REASONS[code]) {
    super(message);
    this.code = code;
    this.reason = reason;
  }

  toAnswer(): Answer {
    const { code, reason, message } = this;
    const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
    return json(body, { status: code });
  }
}

export function json(value: unknown, more: Partial<Answer> = {}): Answer {
  const body = JSON.stringify(value);
  return { status: 200, body, contentType: 'application/json', cacheControl: UNCACHEABLE, ...more };
}

export function plain(body: string): Answer {
  return { status: 200, body, contentType: 'text/plain; charset=utf-8', cacheControl: UNCACHEABLE };
}
