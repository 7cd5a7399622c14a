import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { pemCertificates } from '../pem-certificates.ts';
import { type Finding, failed, ok } from './finding.ts';

const CHECK = 'authorities';

/** The certificates of NODE_EXTRA_CA_CERTS, which Node reads once and without an error when they are bad. */
export async function authorityFinding(file: string | undefined, now: number): Promise<Finding> {
  if (!file) return ok(CHECK, 'those that Node brings along');
  const name = `NODE_EXTRA_CA_CERTS ${file}`;
  try {
    const certificates = pemCertificates(await readFile(file, 'utf8')).map((pem) => new X509Certificate(pem));
    if (certificates.length === 0)
      return failed(CHECK, `${name} holds no certificate`, 'mount the PEM of your authority there');
    const ended = certificates.filter(({ validTo }) => Date.parse(validTo) < now).length;
    const found = `${name}: ${certificates.length}, ${ended} ended`;
    return ended < certificates.length ? ok(CHECK, found) : failed(CHECK, found, 'mount the current ones');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    return failed(CHECK, `${name} (${code})`, 'mount the PEM of your authority there, readable for this user');
  }
}
