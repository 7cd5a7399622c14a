import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { onTestFinished } from 'vitest';
import type { Credential } from '../../src/core/credential.ts';
import { Secret } from '../../src/core/secret.ts';
import { GRANT_TYPE_TOKEN_EXCHANGE, TokenType } from '../../src/core/token-types.ts';
import type { Exchange, ExchangeRequest } from '../../src/exchange/exchange-request.ts';
import type { DoorDeps } from '../../src/routes/door-deps.ts';
import { createDoor, type DoorName } from '../../src/routes/doors.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** Shaped like a JWS, so that any trace of it in an answer or a log can be found. */
export const TOKEN = `eyJhbGciOiJSUzI1NiJ9.${'Zm9vYmFyYmF6'.repeat(8)}.${'c2lnbmF0dXJl'.repeat(8)}`;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Parsed body. */
  readonly json: Record<string, unknown>;
}

export function credential(clock: FakeClock, overrides: Partial<Credential> = {}): Credential {
  return {
    issuedTokenType: TokenType.jwtSvid,
    tokenType: 'N_A',
    accessToken: new Secret('eyJhbGciOiJFUzI1NiJ9.aXNzdWVk.c2lnbmVk'),
    expiresAt: clock.now() / 1000 + 300,
    id: 'jti-1',
    ...overrides,
  };
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

interface Sent {
  readonly method?: string;
  readonly path: string;
  /** As on the wire: names may repeat. */
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string | Buffer;
}

/** One request over a real socket, its connection closed after it. */
export async function send(port: number, { method = 'GET', path, headers = [], body }: Sent): Promise<Answer> {
  const outgoing = request({ host: '127.0.0.1', port, method, path, agent: false });
  for (const name of new Set(headers.map(([name]) => name))) {
    const values = headers.filter(([other]) => other === name).map(([, value]) => value);
    outgoing.setHeader(name, values.length === 1 ? (values[0] ?? '') : values);
  }
  if (body !== undefined) outgoing.setHeader('content-length', Buffer.byteLength(body));
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return { status: response.statusCode, headers: response.headers, text, json: parsed(text) };
}

/** Bytes as they are, for what no HTTP client would send; resolves to all that comes back. */
export async function sendRaw(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A server that closes while bytes are under way resets the connection; what came until then counts.
  socket.on('error', () => socket.destroy());
  await once(socket, 'connect');
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

export interface Door {
  readonly server: FastifyInstance;
  readonly port: number;
  readonly clock: FakeClock;
  readonly deps: DoorDeps;
  /** Requests that reached the use case. */
  readonly requests: ExchangeRequest[];
  /** Everything logged. */
  log(): string;
}

interface Options extends Partial<DoorDeps> {
  readonly name?: DoorName;
}

/** A listening door with a fake exchange behind it that answers every request with a JWT-SVID. */
export async function openDoor({ name = 'all', ...overrides }: Options = {}): Promise<Door> {
  const clock = new FakeClock();
  const requests: ExchangeRequest[] = [];
  const lines: string[] = [];
  const exchange: Exchange = async (exchangeRequest) => {
    requests.push(exchangeRequest);
    return credential(clock);
  };
  const deps: DoorDeps = {
    exchange,
    documents: {
      openidConfiguration: (purpose) => ({ issuer: `https://issuer.example.org/${purpose}`, kind: 'openid' }),
      authorizationServer: (purpose) => ({ issuer: `https://issuer.example.org/${purpose}`, kind: 'oauth' }),
      jwks: (purpose) => ({ keys: [{ kid: purpose }] }),
      spiffeBundle: () => ({ keys: [], spiffe_sequence: 1 }),
    },
    parts: () => [{ name: 'audit', state: 'ok' }],
    issuer: (purpose) => (purpose === 'cloud' ? 'https://issuer.example.org' : 'https://issuer.example.org/svid'),
    workloadUrl: 'https://sts.example.org',
    development: false,
    clock,
    log: createLogger({ level: 'debug', clock, destination: { write: (line) => void lines.push(line) } }),
    metrics: createMetrics(),
    ...overrides,
  };
  const server = createDoor(name, deps);
  await server.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    await server.close();
  });
  const address = server.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { server, port, clock, deps, requests, log: () => lines.join('') };
}

const GOOD_FORM: Readonly<Record<string, string>> = {
  grant_type: GRANT_TYPE_TOKEN_EXCHANGE,
  subject_token: TOKEN,
  subject_token_type: TokenType.jwt,
  audience: 'payments',
};

export const FORM_TYPE = ['content-type', 'application/x-www-form-urlencoded'] as const;

/** A form body of the good form with changes; `undefined` takes a parameter out. */
export function formBody(changes: Readonly<Record<string, string | undefined>> = {}): string {
  const entries = Object.entries({ ...GOOD_FORM, ...changes });
  return new URLSearchParams(
    entries.flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]])),
  ).toString();
}

interface Post {
  readonly path?: string;
  readonly headers?: readonly (readonly [string, string])[];
}

/** A POST to the token endpoint with a body as it stands. */
export function post(door: Door, body: string | Buffer, { path = '/oauth2/token', headers = [FORM_TYPE] }: Post = {}) {
  return send(door.port, { method: 'POST', path, headers, body });
}
