import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest, Agent as TlsAgent } from 'node:https';
import { http } from './node-http.ts';

interface DirectRequest {
  readonly headers: Readonly<Record<string, string>>;
  /** Largest answer in bytes. */
  readonly maxBytes: number;
  /** Deadline for the whole exchange. */
  readonly timeoutMs: number;
}

export interface DirectPost extends DirectRequest {
  readonly body: string;
}

export interface DirectAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly etag: string | undefined;
  /** The server's clock, as it wrote it (RFC 9110 section 6.6.1). */
  readonly date: string | undefined;
  /** `Carnet-Access-Request`: the AccessRequest that a refusal of Carnet names. */
  readonly accessRequest: string | undefined;
  /** Undefined when it was larger than it may be. */
  readonly body: Buffer | undefined;
}

/**
 * One POST to an address that the person at the command line gave, which may be anywhere. It follows no redirect, and no
 * proxy of the environment (NODE_USE_ENV_PROXY) gets what is for that address: only the agent of the process has those.
 * Throws what the network threw, and an error named TimeoutError at the deadline.
 */
export function directPost(url: URL, post: DirectPost): Promise<DirectAnswer> {
  return direct(url, 'POST', post);
}

/** The same for any method. An empty body is none. */
export function directRequest(url: URL, method: string, request: DirectPost): Promise<DirectAnswer> {
  return direct(url, method, request);
}

/** The same for a GET. */
export function directGet(url: URL, get: DirectRequest): Promise<DirectAnswer> {
  return direct(url, 'GET', { ...get, body: '' });
}

async function direct(url: URL, method: string, request: DirectPost): Promise<DirectAnswer> {
  const signal = AbortSignal.timeout(request.timeoutMs);
  try {
    const answer = await answered(sent(url, { method, request, signal }), request.body);
    const body = await bounded(answer, request.maxBytes);
    const { date, etag, 'retry-after': retryAfter, 'carnet-access-request': named } = answer.headers;
    const accessRequest = typeof named === 'string' ? named : undefined;
    return { status: answer.statusCode ?? 0, retryAfter, etag, date, accessRequest, body };
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}

function sent(
  url: URL,
  { method, request, signal }: { method: string; request: DirectPost; signal: AbortSignal },
): ClientRequest {
  const length = method !== 'GET' ? { 'content-length': Buffer.byteLength(request.body) } : {};
  const options = { method, headers: { ...request.headers, ...length }, signal };
  if (url.protocol === 'https:') return httpsRequest(url, { ...options, agent: new TlsAgent() });
  return http.request(url, { ...options, agent: new http.Agent() });
}

function answered(request: ClientRequest, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve).once('error', reject).end(body);
  });
}

async function bounded(answer: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop closes the connection.
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
