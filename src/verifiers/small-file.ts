import { readFile, stat } from 'node:fs/promises';

/** Why a configured file could not be read. `message` names the field and never the path. */
export class SmallFileError extends Error {
  override readonly name = 'SmallFileError';
}

/** A regular file of bounded size, whole. `what` is the field that names it. Throws SmallFileError. */
export async function readSmall(file: string, maxBytes: number, what: string): Promise<Buffer> {
  try {
    const status = await stat(file);
    if (!status.isFile()) throw new SmallFileError(`${what} is not a file`);
    if (status.size > maxBytes) throw new SmallFileError(`${what} is larger than ${maxBytes} bytes`);
    return await readFile(file);
  } catch (error) {
    if (error instanceof SmallFileError) throw error;
    throw new SmallFileError(`${what} cannot be read (${codeOf(error)})`);
  }
}

/** The code of a system error. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}
