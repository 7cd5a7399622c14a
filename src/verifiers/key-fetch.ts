import { stat } from 'node:fs/promises';
import type { JsonObject } from '../core/json.ts';
import type { Secret } from '../core/secret.ts';
import { type Outbound, type OutboundAnswer, OutboundError } from '../outbound/outbound.ts';
import type { KeySource, TrustedIssuer } from '../resources/issuers.ts';
import { ApiServerError, reachApiServer, readCa } from './api-server.ts';
import { type KeySet, KeySetError, readKeySet } from './key-set.ts';
import { codeOf, readSmall, SmallFileError } from './small-file.ts';
import { parseStrictJsonObject, StrictJsonError } from './strict-json.ts';

/** Why keys could not be had. `message` may be read by an admin: it holds no path, header or body. */
export class KeyFetchError extends Error {
  override readonly name = 'KeyFetchError';
  /** Of an answer that was not 200. */
  readonly status: number | undefined;

  constructor(message: string, options: ErrorOptions & { status?: number } = {}) {
    super(message, options);
    this.status = options.status;
  }
}

export interface FetchedKeys {
  readonly keys: KeySet;
  /** How long the source says the set may be used unasked; undefined when it does not say. */
  readonly maxAgeSeconds: number | undefined;
  /** What the keys were read from, where it came over the network. */
  readonly document?: Buffer;
  /** When another replica asked for them, milliseconds; absent where this process did. */
  readonly fetchedAt?: number;
}

export const MAX_DOCUMENT_BYTES = 512 * 1024;
/** 64 keys of about 30 members, the limit of bytes being the tighter one. */
const DOCUMENT_LIMITS = { maxDepth: 16, maxMembers: 2048 };
const JSON_TYPES = ['application/json', 'application/jwk-set+json'];

/**
 * Asks an issuer's source for its keys, once, without memory. Everything on the network goes through Outbound; what
 * answers is hostile until it has been read strictly (V12, K9 to K11). Throws KeyFetchError for whatever is wrong.
 */
export async function fetchKeys(issuer: TrustedIssuer, outbound: Outbound): Promise<FetchedKeys> {
  try {
    const source = issuer.keys;
    if (source.kind === 'static') return { keys: await readStatic(source), maxAgeSeconds: undefined };
    // Files are read at each fetch: people and kubelets replace them (K10).
    if (source.kind === 'jwks') {
      const ca = source.caFile === undefined ? undefined : await readCa(source.caFile, 'caFile');
      return readAnswer(await get({ outbound, ca, url: source.url, purpose: 'jwks' }));
    }
    const server = await reachApiServer(source.kind === 'kubeconfig' ? source : { ...source, kind: 'address' });
    const documents = source.kind === 'discovery' ? source : documentsOf(server.url);
    return await discover(issuer.issuer, { ...documents, outbound, ca: server.ca, bearer: server.bearer });
  } catch (error) {
    throw asFetchError(error);
  }
}

/**
 * Changes whenever the static file of a source changes; a constant for every other source. Throws KeyFetchError when
 * the file is not there.
 */
export async function staticVersion(source: KeySource): Promise<string> {
  if (source.kind !== 'static' || source.jwksFile === undefined) return '';
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(source.jwksFile);
    return `${ino}:${size}:${mtimeMs}:${ctimeMs}`;
  } catch (error) {
    throw new KeyFetchError(`jwksFile cannot be read (${codeOf(error)})`);
  }
}

async function readStatic(source: Extract<KeySource, { kind: 'static' }>): Promise<KeySet> {
  if (source.jwksFile === undefined) return readKeySet(source.jwks ?? {});
  const bytes = await readSmall(source.jwksFile, MAX_DOCUMENT_BYTES, 'jwksFile');
  return readKeySet(parseStrictJsonObject(bytes, DOCUMENT_LIMITS));
}

interface Way {
  readonly outbound: Outbound;
  readonly ca: string | undefined;
}

interface Discovery extends Way {
  readonly url: string;
  /** In place of the advertised one. */
  readonly jwksUri?: string;
  readonly bearer: Secret | undefined;
}

/** An API server often advertises an address that only its nodes reach, so its own path is asked instead (K10). */
function documentsOf(server: string): Pick<Discovery, 'url' | 'jwksUri'> {
  return { url: `${server}/.well-known/openid-configuration`, jwksUri: `${server}/openid/v1/jwks` };
}

async function discover(issuer: string, { bearer, jwksUri, ...way }: Discovery): Promise<FetchedKeys> {
  const document = readDocument(await get({ ...way, bearer, purpose: 'discovery' }));
  if (document['issuer'] !== issuer) throw new KeyFetchError('the discovery document names another issuer');
  const url = jwksUri ?? advertised(document, way.url);
  // The bearer is for the origin it was configured with and for no other (K10).
  const keyBearer = sameOrigin(url, way.url) ? bearer : undefined;
  return readAnswer(await get({ ...way, url, bearer: keyBearer, purpose: 'jwks' }));
}

function advertised(document: JsonObject, discoveryUrl: string): string {
  const { jwks_uri: url } = document;
  if (typeof url !== 'string' || !URL.canParse(url)) throw new KeyFetchError('the discovery document has no jwks_uri');
  const { username, password, hash } = new URL(url);
  if (!sameOrigin(url, discoveryUrl) || username !== '' || password !== '' || hash !== '') {
    throw new KeyFetchError('jwks_uri is not on the origin of the discovery document; set keys.discovery.jwksUri');
  }
  return url;
}

function sameOrigin(one: string, other: string): boolean {
  return new URL(one).origin === new URL(other).origin;
}

interface Get extends Way {
  readonly url: string;
  readonly bearer?: Secret | undefined;
  readonly purpose: 'discovery' | 'jwks';
}

async function get({ outbound, ca, url, bearer, purpose }: Get): Promise<OutboundAnswer> {
  const answer = await outbound.request({
    url,
    purpose,
    maxBytes: MAX_DOCUMENT_BYTES,
    headers: {
      accept: 'application/json, application/jwk-set+json',
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer.reveal()}` }),
    },
    ...(ca === undefined ? {} : { ca }),
  });
  if (answer.status !== 200) throw new KeyFetchError(refusalOf(answer.status, purpose), { status: answer.status });
  const type = answer.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!JSON_TYPES.includes(type)) throw new KeyFetchError(`${purpose}: the answer is not of a JSON type`);
  return answer;
}

function refusalOf(status: number, purpose: string): string {
  if (status === 403) {
    return `${purpose}: 403; bind the ClusterRole system:service-account-issuer-discovery to whom Carnet asks as`;
  }
  if (status === 401) return `${purpose}: 401; the bearer token must be one for the API server's own audience`;
  return `${purpose}: status ${status}`;
}

function readDocument({ body }: OutboundAnswer): JsonObject {
  return parseStrictJsonObject(body, DOCUMENT_LIMITS);
}

/** The keys of a document that came over the network. Throws KeySetError or StrictJsonError. */
export function readKeyDocument(document: Buffer): KeySet {
  return readKeySet(parseStrictJsonObject(document, DOCUMENT_LIMITS));
}

function readAnswer(answer: OutboundAnswer): FetchedKeys {
  const keys = readKeyDocument(answer.body);
  const [, seconds] = /(?:^|[\s,])max-age=([0-9]{1,10})(?:$|[\s,;])/i.exec(answer.headers['cache-control'] ?? '') ?? [];
  return { keys, maxAgeSeconds: seconds === undefined ? undefined : Number(seconds), document: answer.body };
}

/** One JSON object from an issuer's discovery or JWKS address, strictly read. Throws KeyFetchError. */
export async function fetchJson(request: Get): Promise<JsonObject> {
  try {
    return readDocument(await get(request));
  } catch (error) {
    throw asFetchError(error);
  }
}

function asFetchError(error: unknown): KeyFetchError {
  if (error instanceof KeyFetchError) return error;
  if (error instanceof SmallFileError || error instanceof ApiServerError) return new KeyFetchError(error.message);
  if (error instanceof OutboundError) return new KeyFetchError(`${error.failure}: ${error.message}`);
  if (error instanceof KeySetError) return new KeyFetchError(`the key set is refused: ${error.message}`);
  if (error instanceof StrictJsonError) return new KeyFetchError(`the answer is refused: ${error.message}`);
  return new KeyFetchError('unforeseen failure', { cause: error });
}
