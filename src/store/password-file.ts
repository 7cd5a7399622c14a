import { readFile } from 'node:fs/promises';
import { Secret } from '../core/secret.ts';

const MAX_PASSWORD_BYTES = 4096;

/** The password in a file, without the line feed at its end. Throws what reading throws, or where it is too large. */
export async function readPassword(file: string): Promise<Secret> {
  const bytes = await readFile(file);
  if (bytes.length > MAX_PASSWORD_BYTES) throw new Error('too large');
  return new Secret(bytes.toString('utf8').replace(/\r?\n$/, ''));
}
