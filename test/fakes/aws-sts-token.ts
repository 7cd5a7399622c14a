import { compactVerify, importJWK } from 'jose';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/core/json.ts';
import type { IssuerKeys } from './aws-sts-keys.ts';
import { StsRefusal } from './aws-sts-wire.ts';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];
const SKEW_SECONDS = 300;
const TAGS = 'https://aws.amazon.com/tags';
const SOURCE_IDENTITY = 'https://aws.amazon.com/source_identity';
const ROLES = 'https://aws.amazon.com/roles';
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
const SESSION_TEXT = /^[\w+=,.@-]{2,64}$/;

export interface OidcProvider {
  /** Issuer URL, exact. */
  readonly url: string;
  readonly clientIds: readonly string[];
}

/** What a verified web identity token says to AWS. */
export interface WebIdentity {
  readonly provider: OidcProvider;
  readonly subject: string;
  /** `azp` where there is one, else the one `aud`. */
  readonly audience: string;
  readonly tags: ReadonlyMap<string, string>;
  readonly transitiveTagKeys: readonly string[];
  readonly sourceIdentity: string | undefined;
  /** Undefined when the token names no roles. */
  readonly roles: readonly string[] | undefined;
  readonly claims: JsonObject;
}

export interface TokenRules {
  readonly providers: readonly OidcProvider[];
  readonly keys: IssuerKeys;
  /** Milliseconds. */
  readonly now: number;
}

/** Reads and verifies a token by AWS's rules (clouds.md 1.1). Throws StsRefusal with AWS's code and text. */
export async function verifyWebIdentity(token: string, { providers, keys, now }: TokenRules): Promise<WebIdentity> {
  const { header, claims } = decode(token);
  const issuer = requiredText(claims, 'iss');
  const provider = providers.find(({ url }) => url === issuer);
  if (provider === undefined) throw invalid('No OpenIDConnect provider found in your account for the issuer');
  await verifySignature(token, header, await keys.find(issuer, header['kid']));
  const subject = requiredText(claims, 'sub');
  const audience = audienceOf(claims);
  checkTimes(claims, Math.floor(now / 1000));
  if (!provider.clientIds.includes(audience)) {
    throw invalid('The web identity token provided could not be validated. See the documentation for requirements.');
  }
  if (subject.length > 255) throw invalid('The subject is too long');
  return { provider, subject, audience, claims, ...awsClaims(claims) };
}

function decode(token: string): { header: JsonObject; claims: JsonObject } {
  const parts = token.split('.');
  const [header, claims] = [parts[0], parts[1]].map(readPart);
  if (parts.length !== 3 || header === undefined || claims === undefined || 'crit' in header) throw notAJwt();
  if (typeof header['alg'] !== 'string' || !ALGORITHMS.includes(header['alg'])) throw notAJwt();
  return { header, claims };
}

/** Duplicate members: the last one counts, as with AWS. */
function readPart(part: string | undefined): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

async function verifySignature(token: string, header: JsonObject, jwk: Parameters<typeof importJWK>[0]) {
  const alg = String(header['alg']);
  try {
    await compactVerify(token, await importJWK(jwk, alg), { algorithms: [alg] });
  } catch {
    throw invalid('The web identity token signature is not valid');
  }
}

function requiredText(claims: JsonObject, name: string): string {
  const value = claims[name];
  if (value === undefined || value === null) throw invalid(`Missing a required claim: ${name}`);
  if (value === '' || typeof value !== 'string') throw invalid(`Claim is not allowed to be empty: ${name}`);
  return value;
}

function audienceOf(claims: JsonObject): string {
  const { aud, azp } = claims;
  if (azp !== undefined) return requiredText(claims, 'azp');
  if (!Array.isArray(aud)) return requiredText(claims, 'aud');
  if (aud.length > 1) {
    throw invalid('Token audience contains more than one audience while authorized party is not present');
  }
  return requiredText({ aud: aud[0] ?? '' }, 'aud');
}

function checkTimes(claims: JsonObject, now: number): void {
  const issuedAt = timestamp(claims, 'iat');
  const expiresAt = timestamp(claims, 'exp');
  if (issuedAt > now + SKEW_SECONDS) throw invalid(`Token issued in the future: ${issuedAt}`);
  if (claims['nbf'] !== undefined && timestamp(claims, 'nbf') > now + SKEW_SECONDS) {
    throw invalid(`Token not yet valid: current date/time ${now} must be after or equal to the not-before date/time`);
  }
  const current = now - SKEW_SECONDS;
  if (expiresAt <= current) {
    throw new StsRefusal(
      'ExpiredTokenException',
      `Token expired: current date/time ${current} must be before the expiration date/time ${expiresAt}`,
    );
  }
}

/** An integer or a string of one; a fraction fails. */
function timestamp(claims: JsonObject, name: string): number {
  const value = claims[name];
  if (value === undefined) throw invalid(`Missing a required claim: ${name}`);
  const integer = typeof value === 'number' ? Number.isSafeInteger(value) : /^\d{1,15}$/.test(String(value));
  if (!integer || value === null || typeof value === 'object') throw invalid('Invalid timestamp in token claims.');
  return Number(value);
}

function awsClaims(claims: JsonObject) {
  const { tags, transitiveTagKeys } = tagsOf(claims[TAGS]);
  const sourceIdentity = claims[SOURCE_IDENTITY];
  if (sourceIdentity !== undefined && !(typeof sourceIdentity === 'string' && SESSION_TEXT.test(sourceIdentity))) {
    throw invalid('The source identity is not in correct format.');
  }
  return { tags, transitiveTagKeys, sourceIdentity, roles: rolesOf(claims[ROLES]) };
}

function tagsOf(claim: JsonValue | undefined) {
  if (claim === undefined) return { tags: new Map<string, string>(), transitiveTagKeys: [] };
  const { principal_tags: principalTags, transitive_tag_keys: transitive = [] } = isJsonObject(claim) ? claim : {};
  if (!isJsonObject(principalTags)) throw badTags();
  const tags = new Map(Object.entries(principalTags).map(([key, value]) => [key, tagValue(key, value)]));
  const distinct = new Set([...tags.keys()].map((key) => key.toLowerCase()));
  if (tags.size > 50 || distinct.size !== tags.size) throw badTags();
  if (!Array.isArray(transitive) || !transitive.every((key) => typeof key === 'string' && tags.has(key))) {
    throw invalid('A transitive tag key is not among the tags.');
  }
  return { tags, transitiveTagKeys: transitive.map(String) };
}

function tagValue(key: string, value: JsonValue): string {
  const [text] = Array.isArray(value) && value.length === 1 ? value : [];
  if (typeof text !== 'string') throw badTags();
  const legalKey = key.length >= 1 && key.length <= 128 && TAG_TEXT.test(key) && !key.toLowerCase().startsWith('aws:');
  if (!legalKey || text.length > 256 || !TAG_TEXT.test(text)) throw badTags();
  return text;
}

function rolesOf(claim: JsonValue | undefined): readonly string[] | undefined {
  if (claim === undefined) return undefined;
  const roles = typeof claim === 'string' ? claim.split(';') : claim;
  if (!Array.isArray(roles) || roles.length === 0 || !roles.every((role) => typeof role === 'string')) {
    throw invalid('The roles claim is not in correct format.');
  }
  return roles.map(String);
}

function badTags(): StsRefusal {
  return invalid('principal_tags passed in claim is not in correct format.');
}

function notAJwt(): StsRefusal {
  return invalid('The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)');
}

function invalid(message: string): StsRefusal {
  return new StsRefusal('InvalidIdentityToken', message);
}
