import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A server that scripts/test-kube.sh has built; it names the folder. Throws when it was not run. */
export function binary(name: 'etcd' | 'kube-apiserver'): string {
  const folder = process.env['CARNET_KUBE_BINARIES'];
  const file = folder === undefined ? undefined : join(folder, name);
  if (file === undefined || !existsSync(file)) throw new Error(`no ${name}: run these tests by npm run test:kube`);
  return file;
}
