import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createRemoteJWKSet, generateKeyPair, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { type AnswerFault, sendFault } from './faulty-answers.ts';

export type RegistryFault =
  | AnswerFault
  /** Other claims in the token that is issued. */
  | { readonly kind: 'claims'; readonly claims: Readonly<Record<string, unknown>> };

export interface AzureRegistryOptions {
  /** Login server: `reports.azurecr.io`. */
  readonly host: string;
  /** Base URL of the Entra whose tokens count. */
  readonly entra: string;
  /** What its tokens must be for. */
  readonly resource: string;
  /** Which application may pull what. */
  readonly pulls: Readonly<Record<string, readonly string[]>>;
  readonly clock?: Clock;
}

const REFRESH_SECONDS = 3 * 3600;
const ACCESS_SECONDS = 75 * 60;

interface KeyPair {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/** An answer other than 200, in the registry's form. */
class RegistryRefusal extends Error {
  override readonly name = 'RegistryRefusal';
  readonly status: number;

  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

/**
 * An Azure container registry on loopback: the exchange of an Entra token, which it verifies with Entra's own keys, for a
 * refresh token, that one for access tokens of what the application may pull, and a pull that holds the token to it.
 */
export class AzureRegistry {
  readonly #options: AzureRegistryOptions;
  readonly #clock: Clock;
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch(() => response.destroy());
  });
  readonly #keys: KeyPair;
  readonly #faults: (readonly [path: string, RegistryFault])[] = [];
  /** Path and parameters of every request, without its tokens. */
  readonly calls: { readonly path: string; readonly parameters: Readonly<Record<string, string>> }[] = [];
  /** Every token that was issued. */
  readonly issued: string[] = [];

  private constructor(options: AzureRegistryOptions, keys: KeyPair) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#keys = keys;
  }

  static async start(options: AzureRegistryOptions): Promise<AzureRegistry> {
    const registry = new AzureRegistry(options, await generateKeyPair('RS256'));
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A fault for the next request at the path: `/oauth2/exchange` or `/oauth2/token`. */
  fail(path: string, fault: RegistryFault): void {
    this.#faults.push([path, fault]);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const form = new URLSearchParams(await text(request));
    const parameters = [...form].filter(([name]) => !name.endsWith('_token'));
    this.calls.push({ path, parameters: Object.fromEntries(parameters) });
    const at = this.#faults.findIndex(([where]) => where === path);
    const [, fault] = at === -1 ? [] : (this.#faults.splice(at, 1)[0] ?? []);
    if (fault !== undefined && fault.kind !== 'claims') return sendFault(response, fault);
    try {
      const body = await this.#answer(request, form, fault?.claims ?? {});
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
    } catch (error) {
      const refusal = error instanceof RegistryRefusal ? error : new RegistryRefusal(401, 'the token does not count');
      const errors = [{ code: 'UNAUTHORIZED', message: refusal.message }];
      response.writeHead(refusal.status, { 'content-type': 'application/json' }).end(JSON.stringify({ errors }));
    }
  }

  async #answer(request: IncomingMessage, form: URLSearchParams, claims: Readonly<Record<string, unknown>>) {
    const path = request.url ?? '';
    const [, repository] = /^\/v2\/(.+)\/manifests\/[^/]+$/.exec(path) ?? [];
    if (request.method === 'GET' && repository !== undefined) return await this.#pull(request, repository);
    if (request.method !== 'POST') throw new RegistryRefusal(404, 'nothing is here');
    if (form.get('service') !== this.#options.host) throw new RegistryRefusal(400, 'the service is another one');
    if (path === '/oauth2/exchange') return { refresh_token: await this.#exchange(form) };
    if (path === '/oauth2/token') return { access_token: await this.#accessToken(form, claims) };
    throw new RegistryRefusal(404, 'nothing is here');
  }

  /** Verifies the token of Entra with Entra's keys. */
  async #exchange(form: URLSearchParams): Promise<string> {
    const tenant = form.get('tenant') ?? '';
    if (form.get('grant_type') !== 'access_token') throw new RegistryRefusal(400, 'the grant is not supported');
    const { entra, resource } = this.#options;
    const keys = createRemoteJWKSet(new URL(`${entra}/${tenant}/discovery/v2.0/keys`));
    const { payload } = await jwtVerify(form.get('access_token') ?? '', keys, {
      issuer: `${entra}/${tenant}/v2.0`,
      audience: resource,
      currentDate: new Date(this.#clock.now()),
    });
    return await this.#sign({ sub: String(payload['appid']), grant_type: 'refresh_token' }, REFRESH_SECONDS);
  }

  /** A token of those of the asked actions that the application may do; of none when that is none. */
  async #accessToken(form: URLSearchParams, change: Readonly<Record<string, unknown>>): Promise<string> {
    if (form.get('grant_type') !== 'refresh_token') throw new RegistryRefusal(400, 'the grant is not supported');
    const { sub = '' } = await this.#verified(form.get('refresh_token') ?? '', 'refresh_token');
    const allowed = this.#options.pulls[sub] ?? [];
    const access = (form.get('scope') ?? '').split(' ').flatMap((scope) => {
      const [type, name = '', actions = ''] = scope.split(':');
      const granted = actions.split(',').filter((action) => action === 'pull' && allowed.includes(name));
      return type === 'repository' && granted.length > 0 ? [{ Type: type, Name: name, Actions: granted }] : [];
    });
    return await this.#sign({ sub, grant_type: 'access_token', access, ...change }, ACCESS_SECONDS);
  }

  async #pull(request: IncomingMessage, repository: string) {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const { access } = await this.#verified(token, 'access_token');
    const entries = access as readonly { readonly Name: string; readonly Actions: readonly string[] }[];
    const good = entries.some(({ Name, Actions }) => Name === repository && Actions.includes('pull'));
    if (!good) throw new RegistryRefusal(401, 'the token is not good for this repository');
    return { schemaVersion: 2, layers: [] };
  }

  async #verified(token: string, grantType: string): Promise<JWTPayload> {
    const { payload } = await jwtVerify(token, this.#keys.publicKey, {
      audience: this.#options.host,
      currentDate: new Date(this.#clock.now()),
    });
    if (payload['grant_type'] !== grantType) throw new RegistryRefusal(401, 'a token of another kind');
    return payload;
  }

  async #sign(claims: Readonly<Record<string, unknown>>, lifetimeSeconds: number): Promise<string> {
    const iat = Math.floor(this.#clock.now() / 1000);
    const usual = { iss: 'Azure Container Registry', aud: this.#options.host, jti: randomUUID(), iat };
    const token = await new SignJWT({ ...usual, exp: iat + lifetimeSeconds, ...claims })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
      .sign(this.#keys.privateKey);
    this.issued.push(token);
    return token;
  }
}
