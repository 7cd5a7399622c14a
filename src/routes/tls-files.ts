import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { ConfigFaults } from '../config/config-faults.ts';
import { Secret } from '../core/secret.ts';
import type { Tls } from './http-server.ts';

export interface TlsFiles {
  /** `listeners.public.tls` */
  readonly field: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/**
 * Certificate chain and key of a listener. Throws ConfigFaults with the field whose file cannot be read or used; what is
 * in a key file never goes into a message.
 */
export async function readTlsFiles({ field, certFile, keyFile }: TlsFiles): Promise<Tls> {
  const [cert, key] = await Promise.allSettled([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
  if (cert.status === 'rejected' || key.status === 'rejected') {
    throw new ConfigFaults([...unreadable(`${field}.certFile`, cert), ...unreadable(`${field}.keyFile`, key)]);
  }
  const certificate = usable({ cert: cert.value }) && cert.value.includes('-----BEGIN CERTIFICATE-----');
  const faults = [
    ...(certificate ? [] : [{ path: `${field}.certFile`, message: 'holds no certificates in PEM' }]),
    ...(usable({ key: key.value }) && key.value !== ''
      ? []
      : [{ path: `${field}.keyFile`, message: 'holds no private key in PEM, or one under a passphrase' }]),
  ];
  if (faults.length > 0) throw new ConfigFaults(faults);
  if (!usable({ cert: cert.value, key: key.value })) {
    throw new ConfigFaults([{ path: `${field}.keyFile`, message: 'is not the key of the certificate in certFile' }]);
  }
  return { cert: cert.value, key: new Secret(key.value) };
}

function unreadable(path: string, read: PromiseSettledResult<string>): { path: string; message: string }[] {
  if (read.status === 'fulfilled') return [];
  const code = read.reason instanceof Error && 'code' in read.reason ? ` (${String(read.reason.code)})` : '';
  return [{ path, message: `names a file that cannot be read${code}` }];
}

function usable(material: { readonly cert?: string; readonly key?: string }): boolean {
  try {
    createServer(material).close();
    return true;
  } catch {
    return false;
  }
}
