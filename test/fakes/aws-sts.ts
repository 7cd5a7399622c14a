import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { IssuerKeys } from './aws-sts-keys.ts';
import { packedSize, readPolicies } from './aws-sts-policy.ts';
import { type AwsRole, assertDuration, assertMayChain, assertTrusted, type ChainedRole } from './aws-sts-roles.ts';
import { Sessions } from './aws-sts-sessions.ts';
import { type SignedRequest, verifySignature } from './aws-sts-signature.ts';
import { type OidcProvider, verifyWebIdentity } from './aws-sts-token.ts';
import {
  answerXml,
  type ChainedAnswer,
  errorXml,
  STS_CODES,
  type StsAction,
  type StsAnswer,
  StsRefusal,
} from './aws-sts-wire.ts';

/** What goes wrong with the next request. */
export type StsFault =
  | { readonly kind: 'error'; readonly code: string; readonly status: number }
  | { readonly kind: 'hang' }
  | { readonly kind: 'raw'; readonly status: number; readonly body: string }
  | { readonly kind: 'answer'; readonly change: (answer: StsAnswer) => StsAnswer }
  | { readonly kind: 'chained'; readonly change: (answer: ChainedAnswer) => ChainedAnswer }
  /** Nothing, so that the fault after it is for the second request. */
  | { readonly kind: 'none' };

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
  readonly chainedRoles?: readonly ChainedRole[];
  readonly clock?: Clock;
  /** Whose time signatures are held against: that of the process, by which the SDK signs. */
  readonly signatureClock?: Clock;
  readonly port?: number;
  /** How long fetched keys are kept. Default 300. */
  readonly keyCacheSeconds?: number;
}

const MAX_BODY_BYTES = 128 * 1024;
const VERSION = '2011-06-15';
const CHAINED_SECONDS = 3600;

/**
 * AWS STS on loopback: AssumeRoleWithWebIdentity, and AssumeRole for the sessions it gave out. It verifies as AWS does: the
 * issuer's own discovery and keys, the token or the signature, the role's trust, the limits; and it answers in AWS's XML.
 * It keeps no
 * web identity token and prints nothing.
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
  readonly sessions = new Sessions();
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
    const body = await readBody(request);
    const form = new URLSearchParams(body);
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
    this.#reply(response, call, await this.#answer({ call, form, body, headers: request.headers, fault }));
  }

  async #answer(asked: Asked) {
    const { call, form } = asked;
    const requestId = call.requestId ?? '';
    try {
      const action = actionOf(call, form);
      const answer = action === 'AssumeRole' ? this.#assumeRole(asked) : await this.#assumeRoleWithWebIdentity(asked);
      call.outcome = 'answered';
      return { status: 200, body: answerXml(action, answer, requestId) };
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

  async #assumeRoleWithWebIdentity({ call, form, fault }: Asked): Promise<StsAnswer> {
    const parameters = readParameters(form);
    const token = form.get('WebIdentityToken') ?? '';
    if (token.length < 4 || token.length > 20_000) throw invalidParameter('webIdentityToken is out of range');
    if (form.has('ProviderId')) throw invalidParameter('ProviderId is not for OpenID Connect');
    const now = this.#clock.now();
    const identity = await verifyWebIdentity(token, { providers: this.#options.providers, keys: this.keys, now });
    call.claims = identity.claims;
    const { roleArn, policies } = parameters;
    if (identity.roles?.includes(roleArn) === false) {
      throw new StsRefusal('InvalidIdentityToken', 'The role is not authorized by the identity provider');
    }
    const role = this.#options.roles.find(({ arn }) => arn === roleArn);
    assertTrusted(role, identity);
    assertDuration(role, parameters.durationSeconds);
    const { subject, audience, tags, transitiveTagKeys, sourceIdentity, provider } = identity;
    const [, partition, , , account] = roleArn.split(':');
    const transitive = new Map([...tags].filter(([key]) => transitiveTagKeys.includes(key)));
    const answer = {
      PackedPolicySize: packedSize(policies, { subject, tags }),
      ...this.sessions.open({ ...parameters, tags: transitive, sourceIdentity }, now),
      SubjectFromWebIdentityToken: subject,
      Audience: audience,
      Provider: `arn:${partition}:iam::${account}:oidc-provider/${provider.url.replace(/^https?:\/\//, '')}`,
    };
    return fault?.kind === 'answer' ? fault.change(answer) : answer;
  }

  #assumeRole({ call, form, headers, body, fault }: Asked): ChainedAnswer {
    const { method, path } = call;
    const request: SignedRequest = { method, path, headers, body };
    const { signatureClock = systemClock, chainedRoles = [] } = this.#options;
    const signer = verifySignature(request, {
      keysOf: (accessKeyId) => this.sessions.keysOf(accessKeyId),
      now: signatureClock.now(),
    });
    const now = this.#clock.now();
    const caller = this.sessions.live(signer, now);
    const parameters = readParameters(form);
    const { roleArn, policies, durationSeconds } = parameters;
    const role = chainedRoles.find(({ arn }) => arn === roleArn);
    assertMayChain(role, { caller, roleArn, externalId: form.get('ExternalId') });
    if (durationSeconds > CHAINED_SECONDS) {
      throw invalidParameter('The requested DurationSeconds exceeds the 1 hour session limit for role chaining');
    }
    assertDuration(role, durationSeconds);
    const { tags, sourceIdentity } = caller;
    if (form.has('SourceIdentity') || form.has('Tags.member.1.Key')) throw invalidParameter('not for this double');
    const PackedPolicySize = packedSize(policies, { tags });
    const answer = { PackedPolicySize, ...this.sessions.open({ ...parameters, tags, sourceIdentity }, now) };
    return fault?.kind === 'chained' ? fault.change(answer) : answer;
  }
}

interface Asked {
  readonly call: StsCall;
  readonly form: URLSearchParams;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
  readonly fault: StsFault | undefined;
}

function actionOf({ method }: StsCall, form: URLSearchParams): StsAction {
  const action = form.get('Action');
  const known = action === 'AssumeRoleWithWebIdentity' || action === 'AssumeRole';
  if (method === 'POST' && known && form.get('Version') === VERSION) return action;
  throw new StsRefusal('InvalidAction', 'Could not find operation for the version');
}

function readParameters(form: URLSearchParams) {
  const roleArn = form.get('RoleArn') ?? '';
  const sessionName = form.get('RoleSessionName') ?? '';
  const duration = form.get('DurationSeconds') ?? '3600';
  if (roleArn.length < 20 || roleArn.length > 2048) throw invalidParameter('roleArn is out of range');
  if (!/^[\w+=,.@-]{2,64}$/.test(sessionName)) throw invalidParameter('roleSessionName is malformed');
  if (!/^\d{3,5}$/.test(duration) || Number(duration) < 900 || Number(duration) > 43_200) {
    throw invalidParameter('durationSeconds is out of range');
  }
  return { roleArn, sessionName, durationSeconds: Number(duration), policies: readPolicies(form) };
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

function invalidParameter(message: string): StsRefusal {
  return new StsRefusal('ValidationError', `1 validation error detected: ${message}`);
}
