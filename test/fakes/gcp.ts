import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { GcpAccessTokens } from './gcp-access-tokens.ts';
import { readBoundary } from './gcp-boundary.ts';
import { GcpIssuerKeys } from './gcp-issuer-keys.ts';
import { assertProvider, type GcpProvider, principalsOf } from './gcp-provider.ts';
import { type GcpServiceAccount, GcpServiceAccounts } from './gcp-service-accounts.ts';
import { type GcpBucket, GcpStorage, STORAGE_SCOPES } from './gcp-storage.ts';
import { verifySubjectToken } from './gcp-subject-token.ts';
import { EXCHANGE_FIELDS, type ExchangeAnswer, GcpRefusal, snakeCase, type WireAnswer } from './gcp-wire.ts';

export type GcpService = 'sts' | 'iamCredentials' | 'storage';

/** What goes wrong with the next request to a service; `half`: the connection ends within the body. */
export type GcpFault =
  | { readonly kind: 'hang' }
  | ({ readonly kind: 'raw'; readonly half?: true } & WireAnswer)
  | { readonly kind: 'answer'; readonly change: (answer: JsonObject) => unknown };

/** One request as the double saw it, without any token. */
export interface GcpCall {
  readonly service: GcpService;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Of the form or the JSON body; the subject token is left out. */
  readonly parameters: JsonObject;
  /** Of an assertion that verified. */
  claims?: JsonObject;
  /** `answered`, or the code that was sent. */
  outcome?: string;
}

export interface GcpOptions {
  readonly providers: readonly GcpProvider[];
  readonly serviceAccounts?: readonly GcpServiceAccount[];
  readonly buckets?: readonly GcpBucket[];
  readonly clock?: Clock;
  readonly port?: number;
  /** How long fetched keys are kept. Default 300. */
  readonly keyCacheSeconds?: number;
  /** Lifetime of federated tokens. Default 3600. */
  readonly federatedSeconds?: number;
}

const MAX_BODY_BYTES = 128 * 1024;
const TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:';
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange';

/**
 * Google Cloud on loopback: STS, IAM Credentials and a little of Cloud Storage behind one address. It verifies as Google
 * does: the issuer's own discovery and keys, the assertion, the provider's mapping, the accounts' policies, the boundary.
 */
export class Gcp {
  readonly #options: GcpOptions;
  readonly #clock: Clock;
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch(() => response.destroy());
  });
  readonly #faults: Record<GcpService, GcpFault[]> = { sts: [], iamCredentials: [], storage: [] };
  readonly #tokens: GcpAccessTokens;
  readonly #accounts: GcpServiceAccounts;
  readonly #storage: GcpStorage;
  #url = '';
  readonly keys: GcpIssuerKeys;
  readonly calls: GcpCall[] = [];

  private constructor(options: GcpOptions) {
    options.providers.forEach(assertProvider);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#tokens = new GcpAccessTokens(this.#clock);
    this.#accounts = new GcpServiceAccounts(options.serviceAccounts ?? [], this.#tokens, this.#clock);
    this.#storage = new GcpStorage(options.buckets ?? []);
    this.keys = new GcpIssuerKeys(this.#clock, options.keyCacheSeconds ?? 300);
  }

  static async start(options: GcpOptions): Promise<Gcp> {
    const gcp = new Gcp(options);
    await new Promise<void>((resolve) => gcp.#server.listen(options.port ?? 0, '127.0.0.1', resolve));
    gcp.#url = `http://127.0.0.1:${(gcp.#server.address() as AddressInfo).port}`;
    return gcp;
  }

  /** Base URL of all three services. */
  get url(): string {
    return this.#url;
  }

  /** Queues faults, one for each of the next requests to that service. */
  fail(service: GcpService, ...faults: readonly GcpFault[]): void {
    this.#faults[service].push(...faults);
  }

  /** Forgets faults that no request has met. */
  clearFaults(): void {
    for (const queue of Object.values(this.#faults)) queue.length = 0;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const url = new URL(request.url ?? '', this.url);
    const service = serviceOf(url.pathname);
    const { authorization, ...headers } = request.headers;
    const { parameters, subjectToken } = readParameters(headers['content-type'], body);
    const call: GcpCall = { service, method: request.method ?? '', path: url.pathname, headers, parameters };
    this.calls.push(call);
    const fault = this.#faults[service].shift();
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'raw') return this.#reply(response, fault, fault.half === true);
    const change = fault?.change ?? ((answer: JsonObject) => answer);
    this.#reply(response, await this.#answer(call, { authorization, subjectToken, url, body }, change), false);
  }

  async #answer(call: GcpCall, sent: Sent, change: (answer: JsonObject) => unknown): Promise<WireAnswer> {
    try {
      const answer = await this.#dispatch(call, sent);
      call.outcome = 'answered';
      return 'status' in answer ? answer : { status: 200, body: JSON.stringify(change({ ...answer })) };
    } catch (error) {
      const refusal = error instanceof GcpRefusal ? error : GcpRefusal.rpc('INTERNAL', 'the double failed');
      call.outcome = refusal.code;
      return refusal.answer;
    }
  }

  async #dispatch(call: GcpCall, { authorization, subjectToken, url, body }: Sent) {
    if (call.service === 'storage') {
      const caller = this.#tokens.caller(authorization, STORAGE_SCOPES);
      return this.#storage.answer({ method: call.method, path: url.pathname, query: url.searchParams, body }, caller);
    }
    if (call.method !== 'POST') throw GcpRefusal.rpc('NOT_FOUND', 'The requested URL was not found on this server.');
    if (call.service === 'sts') return await this.#exchange(call, subjectToken, authorization);
    const caller = this.#tokens.caller(authorization, ['https://www.googleapis.com/auth/iam']);
    return await this.#accounts.answer(call.path, caller, call.parameters);
  }

  async #exchange(call: GcpCall, subjectToken: string, authorization: string | undefined): Promise<ExchangeAnswer> {
    const { grantType, requestedTokenType, subjectTokenType } = call.parameters;
    if (authorization !== undefined) throw malformed('Authorization header is not expected');
    if (grantType !== GRANT_TYPE) throw GcpRefusal.sts('unsupported_grant_type', 'Invalid grant type');
    if (requestedTokenType !== `${TOKEN_TYPE}access_token`) throw malformed('Invalid requested_token_type');
    if (subjectToken === '') throw malformed('subject_token is missing');
    if (subjectTokenType === `${TOKEN_TYPE}access_token`) return this.#bounded(call, subjectToken);
    if (subjectTokenType === `${TOKEN_TYPE}jwt` || subjectTokenType === `${TOKEN_TYPE}id_token`) {
      return await this.#federated(call, subjectToken);
    }
    throw malformed('Invalid subject_token_type');
  }

  async #federated(call: GcpCall, assertion: string): Promise<ExchangeAnswer> {
    const { audience, scope, options } = call.parameters;
    const provider = this.#options.providers.find(({ name }) => name === audience);
    if (provider === undefined || provider.disabled === true) {
      const text = 'The target service indicated by the "audience" parameters is invalid. This might either be because';
      throw GcpRefusal.sts(
        'invalid_target',
        `${text} the pool or provider is disabled or deleted or because it doesn't exist.`,
      );
    }
    if (typeof scope !== 'string' || !/^\S+( \S+)*$/.test(scope)) throw malformed('scope is missing');
    if (options !== undefined) throw malformed('options are for access tokens');
    const claims = await verifySubjectToken(assertion, provider, this.keys, this.#clock.now());
    const principals = principalsOf(provider, claims);
    call.claims = claims;
    const seconds = this.#options.federatedSeconds ?? 3600;
    const expiresAt = this.#clock.now() + seconds * 1000;
    return {
      ...exchanged(this.#tokens.issue({ principals, scopes: scope.split(' '), expiresAt })),
      expires_in: seconds,
    };
  }

  #bounded(call: GcpCall, token: string): ExchangeAnswer {
    const { audience, scope, options } = call.parameters;
    const source = this.#tokens.find(token);
    if (source === undefined) throw GcpRefusal.sts('invalid_grant', 'The subject token is not valid.');
    if (source.boundary !== undefined) throw malformed('the subject token is bounded already');
    if (audience !== undefined || scope !== undefined) throw malformed('audience and scope are for assertions');
    if (typeof options !== 'string') throw malformed('options is missing');
    return exchanged(this.#tokens.issue({ ...source, boundary: readBoundary(options) }));
  }

  #reply(response: ServerResponse, { status, body, headers }: WireAnswer, isHalf: boolean): void {
    response.writeHead(status, {
      'content-type': 'application/json; charset=UTF-8',
      'content-length': Buffer.byteLength(body),
      date: new Date(this.#clock.now()).toUTCString(),
      ...headers,
    });
    if (!isHalf) response.end(body);
    else response.write(body.slice(0, body.length / 2), () => response.destroy());
  }
}

interface Sent {
  readonly authorization: string | undefined;
  readonly subjectToken: string;
  readonly url: URL;
  readonly body: string;
}

function exchanged(token: string): ExchangeAnswer {
  return { access_token: token, issued_token_type: `${TOKEN_TYPE}access_token`, token_type: 'Bearer' };
}

function serviceOf(path: string): GcpService {
  if (path === '/v1/token') return 'sts';
  return path.startsWith('/v1/') ? 'iamCredentials' : 'storage';
}

/** A form in snake_case or JSON in camelCase; both come out in camelCase. A repeated parameter counts as none. */
function readParameters(type: string | undefined, body: string): { parameters: JsonObject; subjectToken: string } {
  const { subjectToken = '', ...parameters } = type?.startsWith('application/json') === true ? json(body) : form(body);
  return { parameters, subjectToken: typeof subjectToken === 'string' ? subjectToken : '' };
}

function form(body: string): JsonObject {
  const parameters = new URLSearchParams(body);
  const fields = EXCHANGE_FIELDS.filter((field) => parameters.getAll(snakeCase(field)).length === 1);
  return Object.fromEntries(fields.map((field) => [field, parameters.get(snakeCase(field))]));
}

function json(body: string): JsonObject {
  try {
    const value: unknown = JSON.parse(body);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error('the body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function malformed(message: string): GcpRefusal {
  return GcpRefusal.sts('invalid_request', message);
}
