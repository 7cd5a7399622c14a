import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { Secret } from '../core/secret.ts';
import { nearestName } from './nearest-name.ts';
import { isWebAddress } from './web-address.ts';
import { yamlDocuments } from './yaml-documents.ts';

/** Why a kubeconfig cannot be used. `message` names fields, contexts and users, and holds no credential. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
}

/** A kubeconfig as far as Carnet reads it. */
export interface Kubeconfig {
  readonly currentContext: string | undefined;
  readonly contexts: ReadonlyMap<string, JsonObject>;
  readonly clusters: ReadonlyMap<string, JsonObject>;
  readonly users: ReadonlyMap<string, JsonObject>;
}

/** How the API server of one context is reached. Files are as written: relative to the kubeconfig's folder. */
export interface KubeAccess {
  readonly context: string;
  /** Base address, no trailing slash. */
  readonly server: string;
  /** Absent: the system's roots. */
  readonly ca?: { readonly pem: string } | { readonly file: string };
  /** Absent: anonymous. */
  readonly bearer?: { readonly token: Secret } | { readonly file: string };
}

const UNSUPPORTED_CLUSTER = ['tls-server-name', 'proxy-url'];
const UNSUPPORTED_USER = [
  'exec',
  'auth-provider',
  'client-certificate',
  'client-certificate-data',
  'client-key',
  'client-key-data',
  'username',
  'password',
  'as',
  'as-uid',
  'as-groups',
  'as-user-extra',
];
const VISIBLE = /^[\x21-\x7e]+$/;

/** Reads the text of a kubeconfig, strictly. Throws KubeconfigError. */
export function readKubeconfig(text: string): Kubeconfig {
  const { documents, faults } = yamlDocuments(text, Number.POSITIVE_INFINITY);
  const [document, second] = documents;
  const fault = faults[0] ?? document?.faults[0];
  // After a colon the parser cites the text, which may be a credential.
  if (fault !== undefined) throw new KubeconfigError(`line ${fault.line}: ${fault.message.replace(/:.*$/s, '')}`);
  const value = document?.value;
  if (!isJsonObject(value) || second !== undefined) throw new KubeconfigError('is not one YAML document with fields');
  if (value['kind'] !== 'Config') throw new KubeconfigError('is not of kind: Config');
  const current = value['current-context'];
  return {
    currentContext: typeof current === 'string' && current !== '' ? current : undefined,
    contexts: entries(value, 'contexts', 'context'),
    clusters: entries(value, 'clusters', 'cluster'),
    users: entries(value, 'users', 'user'),
  };
}

/**
 * How a context, or else the current one, is reached. Throws KubeconfigError for what is missing or malformed, for
 * `insecure-skip-tls-verify`, and for what is not supported: plugins, client certificates, passwords, impersonation.
 */
export function accessOf(kubeconfig: Kubeconfig, named?: string): KubeAccess {
  const context = named ?? kubeconfig.currentContext;
  if (context === undefined) throw new KubeconfigError('has no current-context; name a context');
  const { cluster, user } = member(kubeconfig.contexts, context, 'context');
  if (typeof cluster !== 'string') throw new KubeconfigError(`context ${context} names no cluster`);
  const about = member(kubeconfig.clusters, cluster, 'cluster');
  const account = typeof user === 'string' && user !== '' ? member(kubeconfig.users, user, 'user') : {};
  refuse(about, UNSUPPORTED_CLUSTER, `cluster ${cluster}`);
  refuse(account, UNSUPPORTED_USER, `user ${String(user)}`);
  return { context, server: serverOf(about, cluster), ...caOf(about, cluster), ...bearerOf(account, String(user)) };
}

function entries(config: JsonObject, list: string, inner: string): ReadonlyMap<string, JsonObject> {
  const found = new Map<string, JsonObject>();
  const items = config[list] ?? [];
  if (!Array.isArray(items)) throw new KubeconfigError(`${list} is not a list`);
  for (const item of items) {
    const name = isJsonObject(item) ? item['name'] : undefined;
    if (!isJsonObject(item) || typeof name !== 'string') throw new KubeconfigError(`${list} has a member without name`);
    if (found.has(name)) throw new KubeconfigError(`${list} names ${name} twice`);
    const value = item[inner] ?? {};
    if (!isJsonObject(value)) throw new KubeconfigError(`${inner} ${name} has no fields`);
    found.set(name, value);
  }
  return found;
}

function member(all: ReadonlyMap<string, JsonObject>, name: string, kind: string): JsonObject {
  const found = all.get(name);
  if (found !== undefined) return found;
  const near = nearestName(name, [...all.keys()]);
  throw new KubeconfigError(`has no ${kind} ${name}${near === undefined ? '' : `; did you mean ${near}?`}`);
}

function refuse(about: JsonObject, fields: readonly string[], whose: string): void {
  const used = fields.find((field) => isSet(about[field]));
  if (used !== undefined) throw new KubeconfigError(`${whose}: ${used} is not supported; use a token or a tokenFile`);
}

function isSet(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null && value !== '';
}

function serverOf(about: JsonObject, cluster: string): string {
  const { server } = about;
  const skip = about['insecure-skip-tls-verify'];
  if (skip !== undefined && skip !== null && skip !== false) {
    throw new KubeconfigError(
      `cluster ${cluster}: insecure-skip-tls-verify is refused; give its certificate-authority`,
    );
  }
  if (typeof server !== 'string' || !isWebAddress(server) || server.includes('?')) {
    throw new KubeconfigError(`cluster ${cluster}: server is not a web address`);
  }
  return server.replace(/\/+$/, '');
}

function caOf(about: JsonObject, cluster: string): Pick<KubeAccess, 'ca'> {
  const data = about['certificate-authority-data'];
  const file = about['certificate-authority'];
  if (isSet(data)) {
    const pem = typeof data === 'string' ? Buffer.from(data, 'base64').toString('latin1') : '';
    // An empty set of roots would mean the system's: nobody asked for that.
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
      throw new KubeconfigError(`cluster ${cluster}: certificate-authority-data holds no certificate`);
    }
    return { ca: { pem } };
  }
  if (!isSet(file)) return {};
  if (typeof file !== 'string') throw new KubeconfigError(`cluster ${cluster}: certificate-authority is not a path`);
  return { ca: { file } };
}

/** `tokenFile` before `token`, as client-go has it. */
function bearerOf(account: JsonObject, user: string): Pick<KubeAccess, 'bearer'> {
  const { token, tokenFile } = account;
  if (isSet(tokenFile)) {
    if (typeof tokenFile !== 'string') throw new KubeconfigError(`user ${user}: tokenFile is not a path`);
    return { bearer: { file: tokenFile } };
  }
  if (!isSet(token)) return {};
  if (typeof token !== 'string' || !VISIBLE.test(token)) {
    throw new KubeconfigError(`user ${user}: token is not one token`);
  }
  return { bearer: { token: new Secret(token) } };
}
