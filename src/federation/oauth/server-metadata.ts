import { wellKnownPaths } from '../../authority/discovery.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Outbound, OutboundAnswer } from '../../outbound/outbound.ts';
import { jsonObjectOf } from './json-answer.ts';
import { fromErrorAnswer, fromNoAnswer, unusableAnswer } from './oauth-failure.ts';

const MAX_DOCUMENT_BYTES = 64 * 1024;

export interface MetadataDeps {
  readonly outbound: Outbound;
  /** Origins, in normal form, that a token endpoint may be on beside the issuer's own. */
  readonly allowOrigins: ReadonlySet<string>;
  /** What is left of the deadline, milliseconds; asked before each request. */
  readonly timeoutMs: () => number;
}

/**
 * The token endpoint of an OAuth server by its metadata: RFC 8414 section 3, else OpenID Connect Discovery section 4.
 * The document must name the very issuer it was fetched for, and an endpoint on the issuer's own origin or one that the
 * operator has listed, so that no document sends an assertion elsewhere (docs/adr/0015). Throws TargetFailure.
 */
export async function fetchTokenEndpoint(issuer: string, deps: MetadataDeps): Promise<string> {
  const { origin } = new URL(issuer);
  const { metadata, configuration } = wellKnownPaths(issuer);
  const document =
    (await fetchDocument(`${origin}${metadata}`, deps)) ?? (await fetchDocument(`${origin}${configuration}`, deps));
  if (document === undefined) throw unusableAnswer('no metadata at either well-known address');
  if (document['issuer'] !== issuer) throw unusableAnswer('the metadata is of another issuer');
  return readEndpoint(document['token_endpoint'], origin, deps.allowOrigins);
}

/** Undefined when there is no document; a server that is down is no reason to look at the other address. */
async function fetchDocument(url: string, { outbound, timeoutMs }: MetadataDeps): Promise<JsonObject | undefined> {
  const answer = await get(outbound, url, timeoutMs());
  if (answer.status >= 500 || answer.status === 429) throw fromErrorAnswer(answer);
  return answer.status === 200 ? jsonObjectOf(answer) : undefined;
}

async function get(outbound: Outbound, url: string, timeoutMs: number): Promise<OutboundAnswer> {
  const request = {
    url,
    purpose: 'oauth',
    headers: { accept: 'application/json' },
    maxBytes: MAX_DOCUMENT_BYTES,
    timeoutMs,
  };
  return await outbound.request(request).catch((error) => {
    throw fromNoAnswer(error);
  });
}

/** Whether http will do is for Outbound to say: to a listed origin on loopback, in development. */
function readEndpoint(value: unknown, origin: string, allowOrigins: ReadonlySet<string>): string {
  const url = typeof value === 'string' ? URL.parse(value) : null;
  if (url === null) throw unusableAnswer('the metadata has no token_endpoint');
  if (url.username !== '' || url.password !== '' || url.href.includes('#')) {
    throw unusableAnswer('token_endpoint has user information or a fragment');
  }
  if (url.origin !== origin && !allowOrigins.has(url.origin)) {
    throw unusableAnswer('token_endpoint is on another origin than the issuer, and outbound.allowOrigins lacks it');
  }
  return url.href;
}
