import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';

/** Reads one JSON file of the published corpora, by its path below their folder. */
export type ReadCorpus = <T>(file: string) => T;

/**
 * A suite over published vectors, which lie outside the project: in the folder that CARNET_CORPORA names. Without it the
 * run says so in one test that counts as skipped, never as passed; a folder that lacks a file fails.
 */
export function describeCorpus(name: string, suite: (read: ReadCorpus) => void): void {
  const folder = process.env['CARNET_CORPORA'];
  describe(name, () => {
    if (folder) suite((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')));
    else test('not run: CARNET_CORPORA names no folder', ({ skip }) => skip());
  });
}
