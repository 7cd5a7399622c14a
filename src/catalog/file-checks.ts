import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isJsonObject } from '../core/json.ts';
import type { Document, Fault, ValidDocument } from '../resources/document.ts';
import { fieldName } from '../resources/field-name.ts';
import { type FileReference, fileReferences } from '../resources/file-references.ts';
import { accessOf, KubeconfigError, readKubeconfig } from '../resources/kubeconfig.ts';
import { errorCode } from './file-fault.ts';

const MAX_BYTES = {
  jwks: 512 * 1024,
  certificates: 1024 * 1024,
  secret: 64 * 1024,
  bundle: 512 * 1024,
  kubeconfig: 1024 * 1024,
} as const;

/**
 * Faults of the files that documents name. They change nothing that is loaded: the files are read again whenever they
 * are needed, and until then the issuer's tokens cannot be verified. The fault names the field and never the path.
 */
export async function fileFieldFaults(documents: readonly Document[]): Promise<readonly Fault[]> {
  const faults: Fault[] = [];
  for (const document of documents) {
    if (!document.valid) continue;
    for (const reference of fileReferences(document)) {
      const message = await problemOf(reference, document);
      if (message !== undefined) faults.push(faultAt(document, reference, message));
    }
  }
  return faults;
}

async function problemOf({ file, content }: FileReference, document: ValidDocument): Promise<string | undefined> {
  const { source } = document;
  if (source.baseDirectory === undefined) return undefined;
  const path = resolve(source.baseDirectory, file);
  try {
    const found = await stat(path);
    if (!found.isFile()) return 'names something that is not a file';
    if (found.size > MAX_BYTES[content]) return `names a file larger than ${MAX_BYTES[content] / 1024} KiB`;
    await access(path, constants.R_OK);
    if (content === 'jwks') return keySetProblem(await readFile(path, 'utf8'));
    return content === 'kubeconfig' ? kubeconfigProblem(await readFile(path, 'utf8'), contextOf(document)) : undefined;
  } catch (error) {
    const code = errorCode(error);
    return code === 'ENOENT' ? 'names a file that does not exist' : `names a file that cannot be read (${code})`;
  }
}

function keySetProblem(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && Array.isArray(value['keys']) ? undefined : 'names a file that is no JWK Set';
  } catch {
    return 'names a file that is not JSON';
  }
}

function kubeconfigProblem(text: string, context: string | undefined): string | undefined {
  try {
    accessOf(readKubeconfig(text), context);
    return undefined;
  } catch (error) {
    if (error instanceof KubeconfigError) return `names a kubeconfig that cannot be used: ${error.message}`;
    throw error;
  }
}

function contextOf(document: ValidDocument): string | undefined {
  return document.kind === 'TrustedIssuer' ? document.spec.keys?.kubeconfig?.context : undefined;
}

function faultAt({ kind, name, source }: ValidDocument, { path }: FileReference, message: string): Fault {
  return { source: source.id, line: source.line(path), kind, name, field: fieldName(path), message, severity: 'error' };
}
