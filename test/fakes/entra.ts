import { randomInt, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { checkApplication, type EntraApplication, verifyAssertion } from './entra-assertion.ts';
import { EntraIssuerKeys } from './entra-keys.ts';
import { AADSTS, EntraRefusal, type EntraTokenAnswer, errorJson } from './entra-wire.ts';
import { type AnswerFault, sendFault } from './faulty-answers.ts';

/** What goes wrong with the next request. */
export type EntraFault =
  | AnswerFault
  | {
      readonly kind: 'error';
      readonly codes: readonly number[];
      readonly status: number;
      readonly headers?: Record<string, string>;
    }
  | { readonly kind: 'answer'; readonly change: (answer: EntraTokenAnswer) => object };

/** One request for a token as the double saw it, without the assertion. */
export interface EntraCall {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly parameters: Readonly<Record<string, string>>;
  readonly requestId: string;
  /** Of an assertion that verified. */
  claims?: JsonObject;
  /** `answered`, or the number that was sent. */
  outcome?: 'answered' | number;
}

export interface EntraOptions {
  readonly applications: readonly EntraApplication[];
  /** Resources that the tenants know: what stands before `/.default`. */
  readonly resources: readonly string[];
  readonly clock?: Clock;
}

interface TokenKey {
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const FIELDS = ['client_id', 'scope', 'grant_type', 'client_assertion_type'] as const;

/**
 * Entra on loopback: the v2 token endpoint for client assertions. It verifies as Entra does: tenant, application, the
 * exact federated credential, the issuer's own discovery and keys, times, one resource; lifetimes are its own choice of 60
 * to 90 minutes. What else it is asked, instance discovery above all, it notes in `strayed`.
 */
export class Entra {
  readonly #clock: Clock;
  readonly #resources: readonly string[];
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch(() => response.destroy());
  });
  readonly #faults: EntraFault[] = [];
  readonly #key: TokenKey;
  #applications: readonly EntraApplication[] = [];
  readonly issuerKeys: EntraIssuerKeys;
  readonly calls: EntraCall[] = [];
  readonly strayed: string[] = [];
  /** Tokens that were issued, newest last. */
  readonly issued: string[] = [];

  private constructor({ applications, resources, clock = systemClock }: EntraOptions, key: TokenKey) {
    this.#clock = clock;
    this.#resources = resources;
    this.#key = key;
    this.issuerKeys = new EntraIssuerKeys(clock);
    this.configure(applications);
  }

  static async start(options: EntraOptions): Promise<Entra> {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const entra = new Entra(options, {
      privateKey,
      jwk: { ...(await exportJWK(publicKey)), kid: 'entra', use: 'sig' },
    });
    await new Promise<void>((resolve) => entra.#server.listen(0, '127.0.0.1', resolve));
    return entra;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Takes other applications from now on. Throws Error for what Entra lets nobody set up. */
  configure(applications: readonly EntraApplication[]): void {
    applications.forEach(checkApplication);
    this.#applications = applications;
  }

  /** Queues faults, one for each of the next requests. */
  fail(...faults: readonly EntraFault[]): void {
    this.#faults.push(...faults);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const [, tenant] = /^\/([^/?]+)\/oauth2\/v2\.0\/token$/.exec(path) ?? [];
    if (request.method === 'GET' && path.endsWith('/discovery/v2.0/keys')) {
      return send(response, 200, JSON.stringify({ keys: [this.#key.jwk] }));
    }
    if (request.method !== 'POST' || tenant === undefined) {
      this.strayed.push(`${request.method} ${path}`);
      return send(response, 404, '');
    }
    const form = new URLSearchParams(await text(request));
    const call: EntraCall = {
      path,
      headers: request.headers,
      parameters: Object.fromEntries([...form].filter(([name]) => name !== 'client_assertion')),
      requestId: randomUUID(),
    };
    this.calls.push(call);
    await this.#reply(response, call, { tenant, form });
  }

  async #reply(response: ServerResponse, call: EntraCall, asked: { tenant: string; form: URLSearchParams }) {
    const headers = { 'x-ms-request-id': call.requestId };
    const fault = this.#faults.shift();
    if (fault !== undefined && fault.kind !== 'error' && fault.kind !== 'answer') return sendFault(response, fault);
    if (fault?.kind === 'error') {
      const body = errorJson('invalid_client', fault.codes, 'a fault of the double', call.requestId);
      return send(response, fault.status, body, { ...headers, ...fault.headers });
    }
    try {
      const answer = await this.#token(call, asked);
      call.outcome = 'answered';
      send(response, 200, JSON.stringify(fault === undefined ? answer : fault.change(answer)), headers);
    } catch (error) {
      if (!(error instanceof EntraRefusal)) throw error;
      call.outcome = error.number;
      const { error: word, status } = AADSTS[error.number];
      send(response, status, errorJson(word, [error.number], error.message, call.requestId), headers);
    }
  }

  async #token(
    call: EntraCall,
    { tenant, form }: { tenant: string; form: URLSearchParams },
  ): Promise<EntraTokenAnswer> {
    const application = this.#application(tenant, form);
    const resource = this.#resource(form);
    call.claims = await verifyAssertion(form.get('client_assertion') ?? '', application, {
      keys: this.issuerKeys,
      now: this.#clock.now(),
    });
    const expiresIn = randomInt(3_600, 5_401);
    const now = Math.floor(this.#clock.now() / 1000);
    const token = await new SignJWT({ appid: application.clientId, tid: tenant, uti: randomUUID() })
      .setProtectedHeader({ alg: 'RS256', kid: 'entra', typ: 'JWT' })
      .setIssuer(`${this.url}/${tenant}/v2.0`)
      .setAudience(resource)
      .setIssuedAt(now)
      .setExpirationTime(now + expiresIn)
      .sign(this.#key.privateKey);
    this.issued.push(token);
    return { token_type: 'Bearer', expires_in: expiresIn, ext_expires_in: expiresIn, access_token: token };
  }

  #application(tenant: string, form: URLSearchParams): EntraApplication {
    const names = [...form.keys()];
    if (new Set(names).size !== names.length || FIELDS.some((name) => !form.has(name))) {
      throw new EntraRefusal(7000218, 'A parameter is missing or repeated.');
    }
    if (form.get('grant_type') !== 'client_credentials') throw new EntraRefusal(70003, 'The grant is not supported.');
    if (form.get('client_assertion_type') !== JWT_BEARER || !form.has('client_assertion')) {
      throw new EntraRefusal(7000218, 'The body must contain client_assertion.');
    }
    const ofTenant = this.#applications.filter((application) => application.tenant === tenant);
    if (ofTenant.length === 0) throw new EntraRefusal(90002, 'Tenant not found.');
    const application = ofTenant.find(({ clientId }) => clientId === form.get('client_id'));
    if (application === undefined) throw new EntraRefusal(700016, 'Application was not found in the directory.');
    return application;
  }

  #resource(form: URLSearchParams): string {
    const [, resource] = /^(\S+)\/\.default$/.exec(form.get('scope') ?? '') ?? [];
    if (resource === undefined) throw new EntraRefusal(70011, 'The scope is not one resource with /.default.');
    if (!this.#resources.includes(resource)) throw new EntraRefusal(500011, 'The resource principal was not found.');
    return resource;
  }
}

function send(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
  response.end(body);
}
