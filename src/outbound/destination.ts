import { isIP } from 'node:net';
import { type Reach, refusal } from './addresses.ts';
import { OutboundError } from './outbound.ts';

export interface OriginRules {
  /** Exact origins (scheme, host, port) that may be private addresses. */
  readonly allowOrigins: ReadonlySet<string>;
  /** Development: http is legal, to a listed origin on loopback. */
  readonly allowLoopbackHttp: boolean;
}

export interface Destination {
  readonly url: URL;
  /** Name for messages. */
  readonly host: string;
  readonly reach: Reach;
}

/**
 * Reads a URL as hostile input and says how far it may reach. The URL parser has already turned every spelling of an IPv4
 * address (decimal, octal, hex, full-width) into the dotted one. Throws OutboundError `blocked`.
 */
export function readDestination(text: string, rules: OriginRules): Destination {
  const url = URL.parse(text);
  if (url === null) throw new OutboundError('blocked', 'the URL cannot be parsed');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new OutboundError('blocked', 'only https URLs are fetched');
  }
  const host = url.host;
  if (url.username !== '' || url.password !== '') {
    throw new OutboundError('blocked', `${host}: credentials in a URL are refused`);
  }
  const reach = reachOf(url, rules);
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0) assertReachable(host, [literal], reach);
  return { url, host, reach };
}

/** Throws OutboundError `blocked` unless every address may be connected to: one bad answer spoils all. */
export function assertReachable(host: string, addresses: readonly string[], reach: Reach): void {
  for (const address of addresses) {
    const rule = refusal(address, reach);
    if (rule === undefined) continue;
    const mend = reach === 'public' ? ' and its origin is not in outbound.allowOrigins' : '';
    throw new OutboundError('blocked', `${host} has an address that may not be reached (${rule})${mend}`);
  }
}

/** One configured origin in its normal form. Throws Error when the text is more or less than scheme, host and port. */
export function readOrigin(text: string): string {
  const url = URL.parse(text);
  const bare = url !== null && url.href === `${url.origin}/`;
  if (url === null || !bare || !/^https?:$/.test(url.protocol)) {
    throw new Error(`"${text}" is not an origin: write scheme, host and port, like https://idp.example.org:8443`);
  }
  return url.origin;
}

function reachOf(url: URL, { allowOrigins, allowLoopbackHttp }: OriginRules): Reach {
  const listed = allowOrigins.has(url.origin);
  if (url.protocol === 'https:') return listed ? 'listed' : 'public';
  if (!allowLoopbackHttp) throw new OutboundError('blocked', `${url.host}: plain http is refused`);
  if (!listed) {
    throw new OutboundError('blocked', `${url.host}: plain http needs its origin in outbound.allowOrigins`);
  }
  return 'loopback';
}
