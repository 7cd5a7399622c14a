import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { PublicJwk, Purpose } from '../authority/authority.ts';
import {
  authorizationServerMetadata,
  discoveryDocument,
  issuersOf,
  jwksDocument,
  spiffeBundle,
  wellKnownPaths,
} from '../authority/discovery.ts';
import { lastChangeAt, publishedKeys } from '../authority/key-schedule.ts';
import type { Config } from '../config/config.ts';
import type { JsonObject } from '../core/json.ts';
import { KEYS_SECONDS, METADATA_SECONDS } from '../routes/discovery.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import { type KeyAccess, type KeysOptions, withKeys } from './keys-access.ts';
import { styleOf } from './style.ts';
import type { Surroundings } from './surroundings.ts';
import { table } from './table.ts';

interface ExportedFile {
  /** Of the origin, so of the bucket's root: begins with a slash. */
  readonly path: string;
  readonly maxAgeSeconds: number;
  readonly document: JsonObject;
}

/**
 * `carnet keys export`: what the public door answers now, each at its path below the folder. The RFC 8414 metadata of
 * the SVID issuer is left out: its path lies below that of the cloud issuer's, which in a folder is a file. Resolves to
 * the exit code; throws CommandError.
 */
export async function exportDocuments(
  options: KeysOptions & { readonly out: string },
  around: Surroundings,
): Promise<ExitCode> {
  const folder = resolve(around.workingDirectory, options.out);
  const files = await withKeys(options, around, (access) => exported(access, around.clock.now()));
  for (const { path, document } of files) await write(join(folder, path), document);
  const { out, err, env } = around;
  const rows = files.map(({ path, maxAgeSeconds }) => ({
    path,
    contentType: 'application/json',
    cacheControl: `public, max-age=${maxAgeSeconds}`,
  }));
  const heading = ['path', 'Content-Type', 'Cache-Control'];
  const cells = rows.map(({ path, contentType, cacheControl }) => [path, contentType, cacheControl]);
  out.write(
    options.output === 'json'
      ? `${JSON.stringify({ folder, files: rows }, null, 2)}\n`
      : table(heading, cells, styleOf(out, env)),
  );
  err.write('carnet: upload the key sets before the other documents, and again at least every 12 h\n');
  return ExitCode.ok;
}

async function exported(access: KeyAccess, now: number): Promise<readonly ExportedFile[]> {
  const files: ExportedFile[] = [];
  for (const purpose of access.purposes) {
    const ring = await access.ring(purpose);
    const keys = publishedKeys(ring, now).map(({ key }) => key.publicJwk);
    files.push(...documentsOf(purpose, access.config, keys));
    if (purpose === 'svid') files.push(bundleOf(access.config, spiffeBundle(keys, lastChangeAt(ring, now))));
  }
  // Keys first: who reads a half-written folder finds no document that points at keys that are not there.
  return files.toSorted((a, b) => a.maxAgeSeconds - b.maxAgeSeconds);
}

function documentsOf(purpose: Purpose, config: Config, keys: readonly PublicJwk[]): readonly ExportedFile[] {
  const issuer = issuersOf(config.issuer)[purpose];
  const publication = { purpose, issuer, workloadUrl: config.workloadUrl };
  const paths = wellKnownPaths(issuer);
  const metadata = {
    path: paths.metadata,
    maxAgeSeconds: METADATA_SECONDS,
    document: authorizationServerMetadata(publication),
  };
  return [
    { path: paths.jwks, maxAgeSeconds: KEYS_SECONDS, document: jwksDocument(keys) },
    { path: paths.configuration, maxAgeSeconds: METADATA_SECONDS, document: discoveryDocument(publication) },
    ...(purpose === 'cloud' ? [metadata] : []),
  ];
}

function bundleOf({ issuer }: Config, document: JsonObject): ExportedFile {
  const base = new URL(issuer).pathname.replace(/\/$/, '');
  return { path: `${base}/spiffe/bundle`, maxAgeSeconds: KEYS_SECONDS, document };
}

/** Whole or not at all: a bucket that is filled from the folder meanwhile gets no half document. */
async function write(path: string, document: JsonObject): Promise<void> {
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(draft, JSON.stringify(document), { flag: 'wx', mode: 0o644 });
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => undefined);
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
    throw new CommandError(ExitCode.configuration, `--out: ${path} cannot be written${code}`, { cause });
  }
}
