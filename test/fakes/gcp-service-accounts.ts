import { createHash } from 'node:crypto';
import { generateKeyPair, SignJWT } from 'jose';
import type { Clock } from '../../src/core/clock.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import type { AccessGrant, GcpAccessTokens } from './gcp-access-tokens.ts';
import {
  ACCESS_TOKEN_FIELDS,
  type AccessTokenAnswer,
  GcpRefusal,
  ID_TOKEN_FIELDS,
  type IdTokenAnswer,
} from './gcp-wire.ts';

const ID_TOKEN_SECONDS = 3600;
const METHOD =
  /^\/v1\/projects\/(?<project>[^/]+)\/serviceAccounts\/(?<email>[^/:]+):(?<method>generateAccessToken|generateIdToken)$/;
const NAME = /^projects\/-\/serviceAccounts\/([^/]+)$/;

/** A service account and who may act as it. */
export interface GcpServiceAccount {
  readonly email: string;
  /** Principals, principal sets and `serviceAccount:EMAIL` that its IAM policy lets issue its tokens. */
  readonly actors: readonly string[];
  /** Default 3600; up to 43200 where an organisation policy extends it. */
  readonly maxLifetimeSeconds?: number;
}

/** IAM Credentials: tokens of service accounts for whoever may act as them (clouds.md 2.4). */
export class GcpServiceAccounts {
  readonly #accounts: readonly GcpServiceAccount[];
  readonly #tokens: GcpAccessTokens;
  readonly #clock: Clock;
  /** Made with the first ID token: it takes a while. */
  #key: ReturnType<typeof generateKeyPair> | undefined;

  constructor(accounts: readonly GcpServiceAccount[], tokens: GcpAccessTokens, clock: Clock) {
    this.#accounts = accounts;
    this.#tokens = tokens;
    this.#clock = clock;
  }

  /** Throws GcpRefusal. */
  async answer(path: string, caller: AccessGrant, body: JsonObject): Promise<AccessTokenAnswer | IdTokenAnswer> {
    const { project, email, method } = METHOD.exec(decodeURIComponent(path))?.groups ?? {};
    if (email === undefined) throw GcpRefusal.rpc('NOT_FOUND', 'The requested URL was not found on this server.');
    if (project !== '-')
      throw invalid('Invalid form of account ID. Should be [Gaia ID|Email|Unique ID|] of the account');
    const isAccessToken = method === 'generateAccessToken';
    assertKnown(body, isAccessToken ? ACCESS_TOKEN_FIELDS : ID_TOKEN_FIELDS);
    const account = this.#reached(caller, [...delegates(body['delegates']), email], isAccessToken);
    return isAccessToken ? this.#accessToken(account, body) : await this.#idToken(account, body);
  }

  /** Each of the chain must let the one before it act as it. */
  #reached(caller: AccessGrant, chain: readonly string[], isAccessToken: boolean): GcpServiceAccount {
    const permission = isAccessToken ? 'iam.serviceAccounts.getAccessToken' : 'iam.serviceAccounts.getOpenIdToken';
    let actors: readonly string[] = caller.principals;
    let account: GcpServiceAccount | undefined;
    for (const email of chain) {
      account = this.#accounts.find((one) => one.email === email);
      if (account?.actors.some((actor) => actors.includes(actor)) !== true) {
        throw GcpRefusal.rpc(
          'PERMISSION_DENIED',
          `Permission '${permission}' denied on resource (or it may not exist).`,
        );
      }
      actors = [`serviceAccount:${email}`];
    }
    if (account === undefined) throw invalid('the account is missing');
    return account;
  }

  #accessToken({ email, maxLifetimeSeconds = 3600 }: GcpServiceAccount, body: JsonObject): AccessTokenAnswer {
    const { scope, lifetime = '3600s' } = body;
    const scopes = texts(scope);
    if (scopes.length === 0) throw invalid('Scope is required.');
    const seconds = Number(/^(\d{1,5})s$/.exec(String(lifetime))?.[1] ?? 0);
    if (seconds < 1 || seconds > maxLifetimeSeconds) {
      throw invalid('The lifetime is malformed or longer than the organisation policy allows.');
    }
    const expiresAt = this.#clock.now() + seconds * 1000;
    const accessToken = this.#tokens.issue({ principals: [`serviceAccount:${email}`], scopes, expiresAt });
    return { accessToken, expireTime: new Date(expiresAt).toISOString().replace(/\.\d{3}Z$/, 'Z') };
  }

  async #idToken({ email }: GcpServiceAccount, { audience, includeEmail = false }: JsonObject): Promise<IdTokenAnswer> {
    if (typeof audience !== 'string' || audience === '') throw invalid('Audience is required.');
    this.#key ??= generateKeyPair('RS256');
    const now = Math.floor(this.#clock.now() / 1000);
    const id = BigInt(`0x${createHash('sha256').update(email).digest('hex').slice(0, 16)}`).toString();
    const token = await new SignJWT({
      iss: 'https://accounts.google.com',
      aud: audience,
      azp: id,
      sub: id,
      iat: now,
      exp: now + ID_TOKEN_SECONDS,
      ...(includeEmail === true && { email, email_verified: true }),
    })
      .setProtectedHeader({ alg: 'RS256', kid: 'google-1', typ: 'JWT' })
      .sign((await this.#key).privateKey);
    return { token };
  }
}

function assertKnown(body: JsonObject, fields: readonly string[]): void {
  const unknown = Object.keys(body).find((name) => !fields.includes(name));
  if (unknown !== undefined) {
    throw invalid(`Invalid JSON payload received. Unknown name "${unknown}": Cannot find field.`);
  }
}

function delegates(value: JsonValue | undefined): readonly string[] {
  return (value === undefined ? [] : texts(value)).map((name) => {
    const email = NAME.exec(name)?.[1];
    if (email === undefined) throw invalid('Invalid form of account ID in delegates.');
    return email;
  });
}

function texts(value: JsonValue | undefined): readonly string[] {
  if (!Array.isArray(value) || !value.every((text) => typeof text === 'string')) throw invalid('not a list of texts');
  return value.map(String);
}

function invalid(message: string): GcpRefusal {
  return GcpRefusal.rpc('INVALID_ARGUMENT', message);
}
