import { dirname, resolve } from 'node:path';
import { Secret } from '../core/secret.ts';
import type { ApiServerSource, KubeconfigSource } from '../resources/issuers.ts';
import { accessOf, type KubeAccess, KubeconfigError, readKubeconfig } from '../resources/kubeconfig.ts';
import { readSmall } from './small-file.ts';

/** Why an API server cannot be spoken to. `message` holds no path and no credential. */
export class ApiServerError extends Error {
  override readonly name = 'ApiServerError';
}

/** Everything that one request to an API server needs. */
export interface ApiServer {
  /** Base address, no trailing slash. */
  readonly url: string;
  /** PEM; undefined: the system's roots. */
  readonly ca: string | undefined;
  /** Undefined: anonymous. */
  readonly bearer: Secret | undefined;
}

const MAX_BEARER_BYTES = 16 * 1024;
const MAX_CA_BYTES = 256 * 1024;
const MAX_KUBECONFIG_BYTES = 1024 * 1024;

/**
 * Reads the files of a source: to be called for each request, because kubelets rotate tokens and people replace
 * kubeconfigs (K10, K12). Throws ApiServerError or SmallFileError.
 */
export async function reachApiServer(source: ApiServerSource): Promise<ApiServer> {
  if (source.kind === 'kubeconfig') return fromKubeconfig(source);
  const { url, caFile, bearerTokenFile } = source;
  return {
    url,
    ca: caFile === undefined ? undefined : await readCa(caFile, 'caFile'),
    bearer: bearerTokenFile === undefined ? undefined : await readBearer(bearerTokenFile, 'bearerTokenFile'),
  };
}

async function fromKubeconfig({ file, context }: KubeconfigSource): Promise<ApiServer> {
  const text = (await readSmall(file, MAX_KUBECONFIG_BYTES, 'kubeconfig')).toString('utf8');
  return reachByKubeconfig(access(text, context), dirname(file));
}

/** The same for what a kubeconfig in `folder` says. */
export async function reachByKubeconfig({ server, ca, bearer }: KubeAccess, folder: string): Promise<ApiServer> {
  const path = (file: string) => resolve(folder, file);
  return {
    url: server,
    ca: ca === undefined || 'pem' in ca ? ca?.pem : await readCa(path(ca.file), 'certificate-authority'),
    bearer:
      bearer === undefined || 'token' in bearer ? bearer?.token : await readBearer(path(bearer.file), 'tokenFile'),
  };
}

function access(text: string, context: string | undefined): KubeAccess {
  try {
    return accessOf(readKubeconfig(text), context);
  } catch (error) {
    if (error instanceof KubeconfigError) throw new ApiServerError(`kubeconfig: ${error.message}`);
    throw error;
  }
}

/** PEM roots. Throws SmallFileError. */
export async function readCa(file: string, what: string): Promise<string> {
  return (await readSmall(file, MAX_CA_BYTES, what)).toString('latin1');
}

async function readBearer(file: string, what: string): Promise<Secret> {
  const text = (await readSmall(file, MAX_BEARER_BYTES, what)).toString('latin1').trim();
  if (!/^[\x21-\x7e]+$/.test(text)) throw new ApiServerError(`${what} does not hold one token`);
  return new Secret(text);
}
