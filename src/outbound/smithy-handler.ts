import type { Outbound } from './outbound.ts';

/** As much of the request of an AWS SDK client as a handler reads (the "smithy" HTTP shape). */
export interface SmithyRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>> | undefined;
  readonly body?: unknown;
}

export interface SmithyResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** What an AWS SDK client takes as its `requestHandler`. */
export interface SmithyHandler {
  handle(request: SmithyRequest): Promise<{ response: SmithyResponse }>;
  updateHttpClientConfig(): void;
  httpHandlerConfigs(): Record<string, never>;
  destroy(): void;
}

export interface SmithyHandlerOptions {
  readonly outbound: Outbound;
  readonly purpose: string;
  readonly maxBytes: number;
  /** Asked anew for each request: what is left of the flight's deadline. */
  readonly timeoutMs: () => number;
}

/** The headers that a signature consists of (SigV4); the SDK sets them on signed calls only. */
const SIGNATURE = ['authorization', 'x-amz-date', 'x-amz-security-token'] as const;

/**
 * Lends the guarded way out to an AWS SDK client. Of the SDK's headers only the content type and a signature go out: the
 * others tell of the process and its environment. Outbound's errors pass through; anything but a POST of text is a
 * TypeError.
 */
export function createSmithyHandler({ outbound, purpose, maxBytes, timeoutMs }: SmithyHandlerOptions): SmithyHandler {
  return {
    handle: async (request) => {
      const answer = await outbound.request({
        url: urlOf(request),
        method: 'POST',
        headers: headersOf(request),
        body: bodyOf(request),
        maxBytes,
        timeoutMs: timeoutMs(),
        purpose,
      });
      return { response: { statusCode: answer.status, headers: { ...answer.headers }, body: answer.body } };
    },
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
    destroy: () => undefined,
  };
}

function urlOf({ protocol, hostname, port, path, query }: SmithyRequest): string {
  if (query !== undefined && Object.keys(query).length > 0) throw new TypeError('a query is not expected here');
  return `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`;
}

function headersOf({ headers }: SmithyRequest): Record<string, string> {
  const sent: Record<string, string> = {
    'content-type': headers['content-type'] ?? 'application/x-www-form-urlencoded',
  };
  for (const name of SIGNATURE) {
    const value = headers[name];
    if (value !== undefined) sent[name] = value;
  }
  return sent;
}

function bodyOf({ method, body }: SmithyRequest): string | Uint8Array {
  if (method === 'POST' && (typeof body === 'string' || body instanceof Uint8Array)) return body;
  throw new TypeError('only a POST with a text body is expected here');
}
