import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A real temporary folder, removed when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'carnet-catalog-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files below a folder, by relative path. */
export async function fill(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

/** Publishes files as the kubelet does: a hidden folder of data, one atomic swap of `..data`, links to files through it. */
export async function publishConfigMap(
  folder: string,
  version: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  await fill(join(folder, `..${version}`), files);
  await symlink(`..${version}`, join(folder, '..data_tmp'));
  await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  for (const name of Object.keys(files)) {
    await symlink(join('..data', name), join(folder, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

export function guardrail(name: string, spec: object = { maxTtl: '1h' }): string {
  return document('Guardrail', name, spec);
}

export function issuer(name: string, spec: object = {}): string {
  const base = { issuer: `https://${name}.example`, audiences: [name], keys: { discovery: {} }, kubernetes: {} };
  return document('TrustedIssuer', name, { ...base, ...spec });
}

export function mapping(name: string, spec: object = {}): string {
  const subject = { issuer: 'prod', namespace: 'payments', serviceAccount: name };
  return document('FederationMapping', name, {
    owner: 'a',
    subject,
    target: { jwtSvid: { audiences: [`to-${name}`] } },
    ...spec,
  });
}

function document(kind: string, name: string, spec: object): string {
  return `---\n${JSON.stringify({ apiVersion: 'carnet.dev/v1alpha1', kind, metadata: { name }, spec })}\n`;
}
