import type { Clock } from '../core/clock.ts';
import { instantText } from '../core/instant.ts';
import { Secret } from '../core/secret.ts';
import { isBare, masked } from './masking.ts';

/**
 * Every field that a log line may have, beside `level`, `at` and `message`. What is not listed does not reach a log,
 * and of what is listed only plain values do: an object that holds a token somewhere cannot be logged.
 */
export const LOG_FIELDS = {
  traceId: 'the request; callers get it as trace_id',
  door: 'public, workload, admin or all',
  method: 'HTTP method',
  route: 'the pattern of the route, never the URL',
  status: 'HTTP status',
  durationMs: 'milliseconds from the first header to the last byte',
  error: 'row of docs/errors.md',
  reason: 'what a caller learnt of policy',
  detail: 'the precise fact, for operators',
  cause: 'name and code of what was thrown underneath, never its message',
  issuer: 'name of a TrustedIssuer',
  mapping: 'name of a FederationMapping',
  kind: 'kind of a resource',
  name: 'name of a resource',
  source: 'file or other source of a resource',
  line: 'line in that source',
  field: 'field of a resource or of the configuration',
  hint: 'how to mend it',
  revision: 'revision of the resources',
  part: 'part of the service, as in /readyz',
  state: 'state of that part',
  purpose: 'what a key or an outgoing request is for',
  kid: 'thumbprint of a signing key of Carnet, never the kid of a token',
  stream: 'audit stream',
  seq: 'sequence number in that stream',
  count: 'how many',
  address: 'host and port that is listened on',
  development: 'true under development',
  version: 'version of Carnet',
} as const;
const FIELDS: ReadonlySet<string> = new Set(Object.keys(LOG_FIELDS));
export type LogFields = { readonly [Field in keyof typeof LOG_FIELDS]?: unknown };

/** A log that cannot hold a secret (E18). Messages are fixed texts; what varies is a field. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof LEVELS)[number];

export interface LoggerOptions {
  /** The lowest that is written. */
  readonly level: Level;
  readonly clock: Clock;
  /** Where lines of JSON go, each with its line break. */
  readonly destination: { write(line: string): unknown };
}

/** `TypeError ERR_INVALID_ARG < Error ECONNREFUSED`: what was thrown and underneath it, without any message. */
function causes(error: Error): string {
  const names: string[] = [];
  for (let current: unknown = error; current instanceof Error && names.length < 4; current = current.cause) {
    const code = 'code' in current && typeof current.code === 'string' ? ` ${current.code}` : '';
    names.push(`${current.name}${code}`);
  }
  return masked(names.join(' < '));
}

function plain(value: unknown): string | number | boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return masked(value);
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (value instanceof Secret) return '[secret]';
  return value instanceof Error ? causes(value) : '[object]';
}

/** A source is a file of the operator's own, never text from a request; masking would take a long path for a token. */
function fileName(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, 1024) : undefined;
}

/** RFC 7638 with SHA-256. */
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;

/** Masking would take a thumbprint for a token; what is no thumbprint is masked as anywhere. */
function kidOf(value: unknown): string | number | boolean | undefined {
  return typeof value === 'string' && THUMBPRINT.test(value) ? value : plain(value);
}

function shownAs(field: keyof LogFields, value: unknown) {
  if (field === 'source') return fileName(value);
  return field === 'kid' ? kidOf(value) : plain(value);
}

/** Each as `,"name":value`. */
function members(fields: LogFields): string {
  let text = '';
  for (const field of Object.keys(fields) as (keyof LogFields)[]) {
    if (!FIELDS.has(field)) continue;
    const shown = readable(field, fields);
    if (shown !== undefined) text += `,"${field}":${shown}`;
  }
  return text;
}

/** As JSON. A value that throws when it is looked at must not take the request down with it. */
function readable(field: keyof LogFields, fields: LogFields): string | undefined {
  try {
    const value = fields[field];
    return isBare(value) ? `"${value}"` : JSON.stringify(shownAs(field, value));
  } catch {
    return '"[unreadable]"';
  }
}

/** The one log of the process: JSON lines of listed fields with masked plain values. */
export function createLogger({ level: lowest, clock, destination }: LoggerOptions): Log {
  const write =
    (level: Level) =>
    (message: string, fields: LogFields = {}) => {
      const at = instantText(clock.now());
      const text = isBare(message) ? `"${message}"` : JSON.stringify(masked(message));
      destination.write(`{"level":"${level}","at":"${at}"${members(fields)},"message":${text}}\n`);
    };
  const at = (level: Level) => (LEVELS.indexOf(level) < LEVELS.indexOf(lowest) ? () => undefined : write(level));
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
