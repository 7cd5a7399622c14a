import { z } from 'zod';

const VISIBLE = /^https?:\/\/[\x21-\x7e]+$/;
const IPV4_LOOPBACK = /^127(\.\d{1,3}){3}$/;

/** A web address without user information and fragment. */
export function isWebAddress(text: string): boolean {
  if (!VISIBLE.test(text) || !URL.canParse(text)) return false;
  const url = new URL(text);
  return url.username === '' && url.password === '' && !text.includes('#');
}

/** A web address. That http stays on loopback depends on the configuration: see `checkAgainst`. */
export const webAddress = z
  .string()
  .max(2048)
  .refine(isWebAddress, 'must be an https address without user information and fragment')
  .meta({ description: 'An https address (http only on loopback in development).', examples: ['https://example.org'] });

/** An issuer identifier, compared byte for byte: a web address without query (OpenID Connect Discovery 1.0 section 3). */
export const issuerAddress = webAddress
  .refine((text) => !text.includes('?'), 'must not have a query')
  .meta({ description: 'Exact `iss` of the tokens, byte for byte.', examples: ['https://oidc.example.org'] });

/** True when Carnet may go there: https, or under development http on this very machine. */
export function isPermittedScheme(address: string, development: boolean): boolean {
  const { protocol, hostname } = new URL(address);
  if (protocol === 'https:') return true;
  return development && (hostname === 'localhost' || hostname === '[::1]' || IPV4_LOOPBACK.test(hostname));
}
