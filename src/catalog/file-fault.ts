import type { Fault } from '../resources/document.ts';

/** A fault of a whole file or folder. */
export function fileFault(source: string, message: string, hint?: string): Fault {
  return { source, field: '', message, ...(hint !== undefined && { hint }), severity: 'error' };
}

/** `ENOENT` and its like, for people who know their system; never a message, which may hold a path. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';
}
