import { resolve } from 'node:path';
import { type FileReading, readFiles } from '../catalog/file-source.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import type { Surroundings } from './surroundings.ts';

/** In the place of a file. */
const STANDARD_INPUT = '-';

/**
 * Files and folders as arguments name them, `-` for standard input, which comes first. Throws UnsteadyFiles, and
 * CommandError where `-` is named twice.
 */
export async function givenFiles(
  paths: readonly string[],
  { workingDirectory, readInput }: Pick<Surroundings, 'workingDirectory' | 'readInput'>,
): Promise<Pick<FileReading, 'files' | 'faults'>> {
  const places = paths.filter((path) => path !== STANDARD_INPUT);
  if (paths.length - places.length > 1) throw new CommandError(ExitCode.usage, 'name standard input once');
  const { files, faults } = await readFiles(places.map((path) => resolve(workingDirectory, path)));
  if (places.length === paths.length) return { files, faults };
  return { files: [{ path: STANDARD_INPUT, text: await readInput() }, ...files], faults };
}
