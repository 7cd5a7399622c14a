import type { Outbound, OutboundAnswer } from './outbound.ts';

/** As much of a request of Google's client library as the adapter reads (the options of gaxios). */
export interface GaxiosRequest {
  readonly url?: string | URL | undefined;
  readonly method?: string | undefined;
  readonly data?: unknown;
}

export interface GaxiosAdapterOptions {
  readonly outbound: Outbound;
  readonly purpose: string;
  readonly maxBytes: number;
  /** Asked anew for each request: what is left of the flight's deadline. */
  readonly timeoutMs: () => number;
}

/**
 * Lends the guarded way out to Google's client library. None of the library's headers goes out: they tell of the process
 * and its version. Outbound's errors pass through; anything but a POST of a form is a TypeError.
 */
export function createGaxiosAdapter({
  outbound,
  purpose,
  maxBytes,
  timeoutMs,
}: GaxiosAdapterOptions): (request: GaxiosRequest) => Promise<OutboundAnswer> {
  return async ({ url, method, data }) => {
    if (url === undefined || method !== 'POST' || !(data instanceof URLSearchParams)) {
      throw new TypeError('only a POST of a form is expected here');
    }
    return await outbound.request({
      url: String(url),
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: data.toString(),
      maxBytes,
      timeoutMs: timeoutMs(),
      purpose,
    });
  };
}
