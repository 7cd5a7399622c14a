import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestCertificate } from '../test/support/certificate-authority.ts';

/**
 * A new folder with the configuration of one Carnet and its resources, on the disk of the checkout: in a temporary file
 * system that lives in memory, durable would cost nothing. With a certificate it speaks TLS. Resolves to the path of carnet.yaml.
 */
export async function install(
  parent: string,
  resources: readonly string[],
  certificate?: TestCertificate,
): Promise<string> {
  const folder = await mkdtemp(join(parent, 'carnet-'));
  await mkdir(join(folder, 'resources'));
  for (const [index, text] of resources.entries()) {
    await writeFile(join(folder, 'resources', `r${index}.yaml`), text);
  }
  const file = join(folder, 'carnet.yaml');
  if (certificate !== undefined) {
    await writeFile(join(folder, 'cert.pem'), certificate.cert);
    await writeFile(join(folder, 'key.pem'), certificate.key, { mode: 0o600 });
  }
  await writeFile(
    file,
    configuration(certificate === undefined ? '' : ', tls: { certFile: cert.pem, keyFile: key.pem }'),
  );
  return file;
}

/** The listener's port is the system's choice; the issuer is a name and need not be where Carnet listens. */
function configuration(tls: string): string {
  return `issuer: http://127.0.0.1:8080
trustDomain: example.org
development: true
listen: { host: 127.0.0.1, port: 0${tls} }
resources: [./resources]
store: { sqlite: { path: ./data/carnet.db } }
cache: { memory: {} }
signing: { encryptionKeyFile: ./data/kek }
audit: { directory: ./data/audit }
log: { level: info }
`;
}
