import { compactVerify } from 'jose';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import type { GcpIssuerKeys } from './gcp-issuer-keys.ts';
import { audiencesOf, type GcpProvider } from './gcp-provider.ts';
import { GcpRefusal } from './gcp-wire.ts';

const ALGORITHMS = ['RS256', 'ES256'];
const MAX_LIFETIME_SECONDS = 48 * 3600;

/**
 * Verifies a subject token by Google's rules (clouds.md 1.2, 2.4) and gives its claims. `now` in milliseconds. Throws
 * GcpRefusal with Google's code and, where it is known, its text.
 */
export async function verifySubjectToken(
  token: string,
  provider: GcpProvider,
  keys: GcpIssuerKeys,
  now: number,
): Promise<JsonObject> {
  const [header, claims] = decode(token);
  const { alg, kid } = header;
  if (
    typeof alg !== 'string' ||
    !ALGORITHMS.includes(alg) ||
    typeof kid !== 'string' ||
    kid === '' ||
    'crit' in header
  ) {
    throw refused('The ID Token header needs alg, RS256 or ES256, and kid.');
  }
  const { iss, sub, aud } = claims;
  if (iss !== provider.issuerUri) {
    throw refused(`The issuer in ID Token ${String(iss)} does not match the expected ones: ${provider.issuerUri}`);
  }
  if (typeof sub !== 'string' || sub === '') throw refused('The ID Token has no sub.');
  // Several audiences are refused: that Google takes a list is nowhere said.
  if (typeof aud !== 'string' || !audiencesOf(provider).includes(aud)) {
    throw refused(`The audience in ID Token [${String(aud)}] does not match the expected audience.`);
  }
  await verifySignature(token, alg, await keys.find(provider.issuerUri, kid, alg));
  checkTimes(claims, Math.floor(now / 1000));
  return claims;
}

function decode(token: string): [JsonObject, JsonObject] {
  const parts = token.split('.');
  const [header, claims] = [parts[0], parts[1]].map(readPart);
  if (parts.length !== 3 || header === undefined || claims === undefined) {
    throw GcpRefusal.sts('invalid_request', 'Unable to parse the ID Token.');
  }
  return [header, claims];
}

function readPart(part: string | undefined): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

async function verifySignature(token: string, alg: string, key: CryptoKey | Uint8Array): Promise<void> {
  try {
    await compactVerify(token, key, { algorithms: [alg] });
  } catch {
    throw refused('Unable to verify the ID Token signature.');
  }
}

function checkTimes(claims: JsonObject, now: number): void {
  const issuedAt = instant(claims, 'iat');
  const expiresAt = instant(claims, 'exp');
  if (issuedAt > now) throw refused(`ID Token issued at ${issuedAt} is not in the past.`);
  if (claims['nbf'] !== undefined && instant(claims, 'nbf') > now) throw refused('The ID Token is not valid yet.');
  if (expiresAt <= now) throw refused(`ID Token issued at ${issuedAt} is stale to sign-in.`);
  if (expiresAt - issuedAt >= MAX_LIFETIME_SECONDS) throw refused('The ID Token lives for 48 hours or more.');
}

function instant(claims: JsonObject, name: string): number {
  const value = claims[name];
  if (!Number.isSafeInteger(value)) throw refused(`The ID Token has no ${name} in whole seconds.`);
  return Number(value);
}

function refused(message: string): GcpRefusal {
  return GcpRefusal.sts('invalid_grant', message);
}
