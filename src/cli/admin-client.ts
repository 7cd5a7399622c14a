import { isJsonObject, type JsonObject } from '../core/json.ts';
import { type DirectAnswer, directRequest } from '../outbound/direct-request.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import { printable } from './style.ts';
import { readSubjectToken, type TokenSource } from './subject-token.ts';
import type { Surroundings } from './surroundings.ts';
import { causeOf, parseEndpoint } from './token-endpoint.ts';

/** Whom a command asks, and as whom. */
export interface AdminOptions extends TokenSource {
  /** Base of the admin door; without it CARNET_ENDPOINT. */
  readonly endpoint?: string;
}

export interface AdminAsk {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Below `/admin/v1/`, without a slash before it, each segment encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** JSON, or YAML as text. */
  readonly body?: JsonObject | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AdminAnswer {
  readonly status: number;
  readonly etag: string | undefined;
  readonly body: JsonObject;
}

export interface AdminClient {
  readonly endpoint: URL;
  /**
   * One request with a token that is read for it, of that server and nobody between. Throws CommandError: `unavailable`
   * where trying again may help (no answer, 429, 5xx), else `refused` with what the problem says (RFC 9457).
   */
  ask(ask: AdminAsk): Promise<AdminAnswer>;
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

/** The admin API as commands talk to it. Throws CommandError for an endpoint that is missing or none. */
export function adminClient(options: AdminOptions, surroundings: Surroundings): AdminClient {
  const place = options.endpoint ?? surroundings.env['CARNET_ENDPOINT'];
  if (!place) throw new CommandError(ExitCode.usage, 'name the server: --endpoint URL or CARNET_ENDPOINT');
  const endpoint = parseEndpoint(place);
  return {
    endpoint,
    async ask(ask) {
      const token = await readSubjectToken(options, surroundings);
      const headers = { accept: 'application/json', authorization: `Bearer ${token.reveal()}`, ...ask.headers };
      const answer = await sent(endpoint, ask, headers);
      const body = answer.body === undefined ? undefined : parsed(answer.body);
      if (answer.status < 200 || answer.status > 299) throw problem(endpoint, answer, body ?? {});
      if (body === undefined) throw unavailable(endpoint, `answered ${answer.status} without a JSON object`);
      return { status: answer.status, etag: answer.etag, body };
    },
  };
}

async function sent(endpoint: URL, ask: AdminAsk, given: Readonly<Record<string, string>>): Promise<DirectAnswer> {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/admin/v1/${ask.path}`;
  url.search = new URLSearchParams(ask.query).toString();
  const { method, body } = ask;
  const text = body === undefined || typeof body === 'string' ? (body ?? '') : JSON.stringify(body);
  const type = typeof body === 'string' ? 'application/yaml' : 'application/json';
  const headers = body === undefined ? given : { 'content-type': type, ...given };
  const limits = { maxBytes: MAX_ANSWER_BYTES, timeoutMs: TIMEOUT_MS };
  return await directRequest(url, method, { headers, body: text, ...limits }).catch((cause: unknown) => {
    throw unavailable(endpoint, causeOf(cause), cause);
  });
}

function parsed(body: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What a problem says, a line for each fault, each with its mend. */
function problem(endpoint: URL, { status, retryAfter }: DirectAnswer, body: JsonObject): CommandError {
  if (status >= 300 && status < 400) {
    return unavailable(endpoint, `answered ${status}, a redirect, which is not followed`);
  }
  const comesBack = status === 429 || status >= 500;
  if (!comesBack && typeof body['title'] !== 'string') {
    return unavailable(endpoint, `answered ${status}, and not as the admin API does; name the admin door of Carnet`);
  }
  const faults = Array.isArray(body['faults']) ? body['faults'].filter(isJsonObject) : [];
  const lines = [
    line(body['title'] ?? `${endpoint.origin} answered ${status}`, body['field'], body['detail']),
    ...faults.map(({ kind, name, field, message, mend }) => {
      const document = name === undefined ? undefined : [kind, name].join(' ');
      return [line(document, field, message), line(mend)].filter(Boolean).join('; ');
    }),
    line(body['mend']),
    comesBack ? `try again${retryAfter === undefined ? '' : ` in ${retryAfter} s`}` : '',
  ];
  const text = lines.filter(Boolean).map(printable).join('\n  ');
  return new CommandError(comesBack ? ExitCode.unavailable : ExitCode.refused, text);
}

function line(...parts: readonly unknown[]): string {
  return parts.filter((part) => typeof part === 'string' && part !== '').join(': ');
}

function unavailable({ origin }: URL, what: string, cause?: unknown): CommandError {
  return new CommandError(ExitCode.unavailable, `${origin} ${what}`, { cause });
}
