import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { StsRefusal } from './aws-sts-wire.ts';

const SKEW_MS = 5 * 60 * 1000;
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=(?<id>[A-Z0-9]{16,128})\/(?<day>\d{8})\/(?<region>[a-z0-9-]+)\/(?<service>[a-z0-9-]+)\/aws4_request, SignedHeaders=(?<names>[a-z0-9;-]+), Signature=(?<signature>[0-9a-f]{64})$/;

/** The keys of a session that the double has given out. */
export interface SigningKeys {
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Verification {
  readonly keysOf: (accessKeyId: string) => SigningKeys | undefined;
  readonly now: number;
  /** As signatures name it. Default `sts`. */
  readonly service?: string;
}

/**
 * Verifies Signature Version 4 as AWS's services do: over host, date, every other `x-amz-` header and the body; five minutes of
 * skew; the session's own token. Returns the access key id. Throws StsRefusal.
 */
export function verifySignature(
  request: SignedRequest,
  { keysOf, now, service: expected = 'sts' }: Verification,
): string {
  const { headers } = request;
  if (headers.authorization === undefined) {
    throw new StsRefusal('MissingAuthenticationToken', 'Request is missing Authentication Token');
  }
  const { id, day, region, service, names, signature } = AUTHORIZATION.exec(headers.authorization)?.groups ?? {};
  const date = oneHeader(headers, 'x-amz-date');
  if (!id || !day || !region || !names || !signature || !/^\d{8}T\d{6}Z$/.test(date)) {
    throw new StsRefusal('IncompleteSignature', 'Request must contain a signature that conforms to AWS standards');
  }
  const keys = keysOf(id);
  if (keys === undefined || keys.sessionToken !== oneHeader(headers, 'x-amz-security-token')) {
    throw new StsRefusal('InvalidClientTokenId', 'The security token included in the request is invalid.');
  }
  if (service !== expected || !date.startsWith(day)) throw mismatch('Credential should be scoped to correct service.');
  if (Math.abs(now - instant(date)) > SKEW_MS) throw mismatch(`Signature expired: ${date}`);
  const unsigned = Object.keys(headers).filter((name) => name === 'host' || name.startsWith('x-amz-'));
  if (unsigned.some((name) => !names.split(';').includes(name))) throw mismatch('A header is not signed');
  const scope = `${day}/${region}/${expected}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical(request, names))].join('\n');
  const key = [day, region, expected, 'aws4_request'].reduce<Buffer>(hmac, Buffer.from(`AWS4${keys.secretAccessKey}`));
  if (timingSafeEqual(hmac(key, text), Buffer.from(signature, 'hex'))) return id;
  throw mismatch('The request signature we calculated does not match the signature you provided.');
}

/** Requests of these services are POSTs to a path without a query, so the query's line is empty. */
function canonical({ method, path, headers, body }: SignedRequest, names: string): string {
  const lines = names.split(';').map((name) => `${name}:${oneHeader(headers, name).trim().replace(/ +/g, ' ')}\n`);
  return [method, path, '', lines.join(''), names, sha256(body)].join('\n');
}

function oneHeader(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

/** `20261122T090000Z`, in milliseconds. */
function instant(date: string): number {
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function mismatch(message: string): StsRefusal {
  return new StsRefusal('SignatureDoesNotMatch', message);
}
