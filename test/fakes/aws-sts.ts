import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { IssuerKeys } from './aws-sts-keys.ts';
import { type OidcProvider, verifyWebIdentity, type WebIdentity } from './aws-sts-token.ts';
import { answerXml, errorXml, STS_CODES, type StsAnswer, StsRefusal } from './aws-sts-wire.ts';

/** An IAM role and what its trust policy says. */
export interface AwsRole {
  readonly arn: string;
  /** Default 3600. */
  readonly maxSessionSeconds?: number;
  /** URL of the OIDC provider that the trust policy names. */
  readonly provider: string;
  /** `<provider>:aud` and `<provider>:sub`, exact. */
  readonly audiences: readonly string[];
  readonly subjects: readonly string[];
  /** `Bool sts:RoleAuthorizedByIdp`. */
  readonly requireRoleAuthorizedByIdp?: boolean;
  /** Whether the policy allows `sts:TagSession` and `sts:SetSourceIdentity`. Both default to true. */
  readonly allowTagSession?: boolean;
  readonly allowSetSourceIdentity?: boolean;
}

/** What goes wrong with the next request. */
export type StsFault =
  | { readonly kind: 'error'; readonly code: string; readonly status: number }
  | { readonly kind: 'hang' }
  | { readonly kind: 'raw'; readonly status: number; readonly body: string }
  | { readonly kind: 'answer'; readonly change: (answer: StsAnswer) => StsAnswer };

/** One request as the double saw it, without the token itself. */
export interface StsCall {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly parameters: Readonly<Record<string, string>>;
  /** Of a token that verified. */
  claims?: JsonObject;
  /** `answered`, or the code that was sent. */
  outcome?: string;
  requestId?: string;
}

export interface AwsStsOptions {
  readonly providers: readonly OidcProvider[];
  readonly roles: readonly AwsRole[];
  readonly clock?: Clock;
  readonly port?: number;
  /** How long fetched keys are kept. Default 300. */
  readonly keyCacheSeconds?: number;
}

const MAX_BODY_BYTES = 128 * 1024;
const VERSION = '2011-06-15';

/**
 * AWS STS on loopback, AssumeRoleWithWebIdentity only. It verifies as AWS does: the issuer's own discovery and keys, the
 * token, the role's trust, the limits; and it answers in AWS's XML. It keeps no token and prints nothing.
 */
export class AwsSts {
  readonly #options: AwsStsOptions;
  readonly #clock: Clock;
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch(() => response.destroy());
  });
  readonly #faults: StsFault[] = [];
  #url = '';
  readonly keys: IssuerKeys;
  readonly calls: StsCall[] = [];

  private constructor(options: AwsStsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.keys = new IssuerKeys(this.#clock, options.keyCacheSeconds ?? 300);
  }

  static async start(options: AwsStsOptions): Promise<AwsSts> {
    const sts = new AwsSts(options);
    await new Promise<void>((resolve) => sts.#server.listen(options.port ?? 0, '127.0.0.1', resolve));
    sts.#url = `http://127.0.0.1:${(sts.#server.address() as AddressInfo).port}`;
    return sts;
  }

  get url(): string {
    return this.#url;
  }

  /** Queues faults, one for each of the next requests. */
  fail(...faults: readonly StsFault[]): void {
    this.#faults.push(...faults);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await readBody(request));
    const call: StsCall = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      parameters: Object.fromEntries([...form].filter(([name]) => name !== 'WebIdentityToken')),
      requestId: randomUUID(),
    };
    this.calls.push(call);
    const fault = this.#faults.shift();
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'raw') return this.#reply(response, call, fault);
    if (fault?.kind === 'error') {
      call.outcome = fault.code;
      const body = errorXml(fault.code, 'a fault of the double', call.requestId ?? '');
      return this.#reply(response, call, { status: fault.status, body });
    }
    this.#reply(response, call, await this.#answer(call, form, fault?.change));
  }

  async #answer(call: StsCall, form: URLSearchParams, change = (answer: StsAnswer) => answer) {
    const requestId = call.requestId ?? '';
    try {
      const answer = change(await this.#assumeRole(call, form));
      call.outcome = 'answered';
      return { status: 200, body: answerXml(answer, requestId) };
    } catch (error) {
      const refusal = error instanceof StsRefusal ? error : new StsRefusal('InternalFailure', 'the double failed');
      call.outcome = refusal.code;
      return { status: STS_CODES[refusal.code], body: errorXml(refusal.code, refusal.message, requestId) };
    }
  }

  #reply(response: ServerResponse, call: StsCall, { status, body }: { status: number; body: string }): void {
    response.writeHead(status, { 'content-type': 'text/xml', 'x-amzn-requestid': call.requestId });
    response.end(body);
  }

  async #assumeRole(call: StsCall, form: URLSearchParams): Promise<StsAnswer> {
    if (
      call.method !== 'POST' ||
      form.get('Action') !== 'AssumeRoleWithWebIdentity' ||
      form.get('Version') !== VERSION
    ) {
      throw new StsRefusal('InvalidAction', 'Could not find operation for the version');
    }
    const parameters = readParameters(form);
    const { providers } = this.#options;
    const identity = await verifyWebIdentity(parameters.token, {
      providers,
      keys: this.keys,
      now: this.#clock.now(),
    });
    call.claims = identity.claims;
    if (identity.roles?.includes(parameters.roleArn) === false) {
      throw new StsRefusal('InvalidIdentityToken', 'The role is not authorized by the identity provider');
    }
    const role = this.#options.roles.find(({ arn }) => arn === parameters.roleArn);
    if (role === undefined) throw accessDenied();
    assertTrusted(role, identity);
    if (parameters.durationSeconds > (role.maxSessionSeconds ?? 3600)) {
      throw invalidParameter('The requested DurationSeconds exceeds the MaxSessionDuration set for this role.');
    }
    return session(parameters, identity, this.#clock.now());
  }
}

type Parameters = ReturnType<typeof readParameters>;

function readParameters(form: URLSearchParams) {
  const roleArn = form.get('RoleArn') ?? '';
  const sessionName = form.get('RoleSessionName') ?? '';
  const token = form.get('WebIdentityToken') ?? '';
  const duration = form.get('DurationSeconds') ?? '3600';
  if (roleArn.length < 20 || roleArn.length > 2048) throw invalidParameter('roleArn is out of range');
  if (!/^[\w+=,.@-]{2,64}$/.test(sessionName)) throw invalidParameter('roleSessionName is malformed');
  if (token.length < 4 || token.length > 20_000) throw invalidParameter('webIdentityToken is out of range');
  if (!/^\d{3,5}$/.test(duration) || Number(duration) < 900 || Number(duration) > 43_200) {
    throw invalidParameter('durationSeconds is out of range');
  }
  if (form.has('ProviderId')) throw invalidParameter('ProviderId is not for OpenID Connect');
  checkPolicy(form.get('Policy'));
  return { roleArn, sessionName, token, durationSeconds: Number(duration), policy: form.get('Policy') ?? '' };
}

function checkPolicy(policy: string | null): void {
  if (policy === null) return;
  if (!/^[\t\n\r\x20-\xff]{1,2048}$/.test(policy)) throw invalidParameter('policy is out of range');
  try {
    const document: unknown = JSON.parse(policy);
    if (typeof document === 'object' && document !== null && 'Statement' in document) return;
  } catch {
    // Falls through: text that is no JSON is refused like a document without statements.
  }
  throw new StsRefusal('MalformedPolicyDocument', 'The policy is not in the valid JSON format.');
}

function assertTrusted(role: AwsRole, identity: WebIdentity): void {
  const trusted =
    role.provider === identity.provider.url &&
    role.audiences.includes(identity.audience) &&
    role.subjects.includes(identity.subject) &&
    (identity.roles !== undefined || role.requireRoleAuthorizedByIdp !== true) &&
    (identity.tags.size === 0 || role.allowTagSession !== false) &&
    (identity.sourceIdentity === undefined || role.allowSetSourceIdentity !== false);
  if (!trusted) throw accessDenied();
}

function session(
  { roleArn, sessionName, durationSeconds, policy }: Parameters,
  identity: WebIdentity,
  now: number,
): StsAnswer {
  const [, partition, , , account] = roleArn.split(':');
  const roleName = roleArn.split('/').at(-1);
  return {
    SubjectFromWebIdentityToken: identity.subject,
    Audience: identity.audience,
    AssumedRoleUser: {
      Arn: `arn:${partition}:sts::${account}:assumed-role/${roleName}/${sessionName}`,
      AssumedRoleId: `AROA${randomText(17)}:${sessionName}`,
    },
    Credentials: {
      AccessKeyId: `ASIA${randomText(16)}`,
      SecretAccessKey: randomBytes(30).toString('base64'),
      SessionToken: randomBytes(300).toString('base64'),
      Expiration: new Date(now + durationSeconds * 1000).toISOString().replace(/\.\d{3}Z$/, 'Z'),
    },
    Provider: `arn:${partition}:iam::${account}:oidc-provider/${identity.provider.url.replace(/^https?:\/\//, '')}`,
    PackedPolicySize: Math.min(100, 24 + Math.ceil(policy.length / 30)),
    ...(identity.sourceIdentity === undefined ? {} : { SourceIdentity: identity.sourceIdentity }),
  };
}

function randomText(length: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return [...randomBytes(length)].map((byte) => alphabet[byte % alphabet.length]).join('');
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

function accessDenied(): StsRefusal {
  return new StsRefusal('AccessDenied', 'Not authorized to perform sts:AssumeRoleWithWebIdentity');
}

function invalidParameter(message: string): StsRefusal {
  return new StsRefusal('ValidationError', `1 validation error detected: ${message}`);
}
