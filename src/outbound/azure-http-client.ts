import type { Outbound, OutboundAnswer } from './outbound.ts';

/** As much of a request of an Azure SDK as is read here. */
export interface AzureRequest {
  readonly method: string;
  readonly body?: unknown;
}

/** The SDK's header collection, always empty. */
export interface AzureHeaders extends Iterable<[string, string]> {
  get(name: string): string | undefined;
  has(name: string): boolean;
  set(name: string, value: string | number | boolean): void;
  delete(name: string): void;
  toJSON(): Record<string, string>;
}

export interface AzureResponse<R> {
  readonly request: R;
  readonly status: number;
  readonly headers: AzureHeaders;
  readonly bodyAsText: string;
}

/** What an Azure SDK takes as its `httpClient`. */
export interface AzureHttpClient {
  sendRequest<R extends AzureRequest>(request: R): Promise<AzureResponse<R>>;
  /** What came of the one request; undefined while the SDK has sent none. Rejects with Outbound's error. */
  answer(): Promise<OutboundAnswer> | undefined;
}

export interface AzureHttpClientOptions {
  readonly outbound: Outbound;
  /** Where the request goes, whatever authority or region the SDK has made out. */
  readonly url: string;
  /** The form fields that go out. */
  readonly fields: readonly string[];
  readonly purpose: string;
  readonly maxBytes: number;
  readonly timeoutMs: () => number;
}

/**
 * Lends the guarded way out to an Azure SDK for one POST of a form. Place, fields and headers are the caller's: what the
 * SDK would add tells of the process and its environment. Everything else that it may want to ask, a metadata service or
 * another try, is an Error. The SDK sees no answer but HTTP 200, because its texts quote them.
 */
export function createAzureHttpClient(options: AzureHttpClientOptions): AzureHttpClient {
  let answer: Promise<OutboundAnswer> | undefined;
  return {
    sendRequest: async (request) => {
      if (request.method !== 'POST' || typeof request.body !== 'string' || answer !== undefined) {
        throw new Error('only one POST of a form is expected here');
      }
      answer = post(request.body, options);
      const { status, body } = await answer;
      if (status !== 200) throw new Error('the answer is not for the SDK');
      return { request, status, headers: NO_HEADERS, bodyAsText: body.toString('utf8') };
    },
    answer: () => answer,
  };
}

function post(body: string, { outbound, url, fields, purpose, maxBytes, timeoutMs }: AzureHttpClientOptions) {
  const form = new URLSearchParams([...new URLSearchParams(body)].filter(([name]) => fields.includes(name)));
  return outbound.request({
    url,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
    maxBytes,
    timeoutMs: timeoutMs(),
    purpose,
  });
}

const NO_HEADERS: AzureHeaders = {
  get: () => undefined,
  has: () => false,
  set: () => undefined,
  delete: () => undefined,
  toJSON: () => ({}),
  [Symbol.iterator]: () => [][Symbol.iterator](),
};
