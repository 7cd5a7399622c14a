import { compactVerify, decodeJwt, decodeProtectedHeader, importJWK } from 'jose';
import type { JsonObject } from '../../src/core/json.ts';
import type { EntraIssuerKeys } from './entra-keys.ts';
import { EntraRefusal } from './entra-wire.ts';

const SKEW_SECONDS = 300;
const MAX_CREDENTIALS = 20;
const MAX_TEXT = 600;

/** A federated identity credential: all three exact, case and all. */
export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
}

export interface EntraApplication {
  readonly clientId: string;
  readonly tenant: string;
  readonly credentials: readonly FederatedCredential[];
}

/** What Entra does not let anybody set up (clouds.md 1.3). Throws Error. */
export function checkApplication({ credentials }: EntraApplication): void {
  if (credentials.length > MAX_CREDENTIALS) throw new Error('an application has at most 20 federated credentials');
  const pairs = new Set(credentials.map(({ issuer, subject }) => JSON.stringify([issuer, subject])));
  if (pairs.size !== credentials.length) throw new Error('issuer and subject are unique within an application');
  const texts = credentials.flatMap(({ issuer, subject, audience }) => [issuer, subject, audience]);
  if (texts.some((text) => text.length === 0 || text.length > MAX_TEXT || text.includes('*'))) {
    throw new Error('issuer, subject and audience are 1 to 600 characters and no patterns');
  }
}

/** Verifies a client assertion by Entra's rules (clouds.md 1.3) and gives its claims. Throws EntraRefusal. */
export async function verifyAssertion(
  assertion: string,
  { credentials }: EntraApplication,
  { keys, now }: { readonly keys: EntraIssuerKeys; readonly now: number },
): Promise<JsonObject> {
  const { header, claims } = decode(assertion);
  assertFederated(claims, credentials);
  if (header['alg'] !== 'RS256') throw badSignature('The algorithm is not supported.');
  const jwk = await keys.find(String(claims['iss']), header['kid']);
  await compactVerify(assertion, await importJWK(jwk, 'RS256'), { algorithms: ['RS256'] }).catch(() => {
    throw badSignature('The signature does not fit.');
  });
  checkTimes(claims, Math.floor(now / 1000));
  return claims;
}

function decode(assertion: string): { header: JsonObject; claims: JsonObject } {
  try {
    return {
      header: { ...decodeProtectedHeader(assertion) } as JsonObject,
      claims: decodeJwt(assertion) as JsonObject,
    };
  } catch {
    throw badSignature('The assertion is malformed.');
  }
}

function assertFederated({ iss, sub, aud }: JsonObject, credentials: readonly FederatedCredential[]): void {
  if (credentials.length === 0) throw new EntraRefusal(70025, 'No federated identity credential is configured.');
  const ofIssuer = credentials.filter(({ issuer }) => issuer === iss);
  if (ofIssuer.length === 0) throw noMatch(700211, 'issuer');
  const ofSubject = ofIssuer.filter(({ subject }) => subject === sub);
  if (ofSubject.length === 0) throw noMatch(700213, 'subject');
  if (!ofSubject.some(({ audience }) => audience === aud)) throw noMatch(700212, 'audience');
}

function checkTimes({ iat, nbf, exp }: JsonObject, now: number): void {
  const times = [iat, nbf, exp].map(Number);
  const [issuedAt = 0, notBefore = 0, expiresAt = 0] = times;
  const inTime = issuedAt <= now + SKEW_SECONDS && notBefore <= now + SKEW_SECONDS && expiresAt > now - SKEW_SECONDS;
  if (times.every(Number.isSafeInteger) && inTime) return;
  throw new EntraRefusal(700024, 'Client assertion is not within its valid time range.');
}

function noMatch(number: 700211 | 700212 | 700213, what: string): EntraRefusal {
  return new EntraRefusal(number, `No matching federated identity record found for presented assertion ${what}.`);
}

function badSignature(text: string): EntraRefusal {
  return new EntraRefusal(700027, `Client assertion failed signature validation. ${text}`);
}
