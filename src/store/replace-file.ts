import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Puts a text (0600) in the place of a file's as a whole: a crash leaves the old or the new one, and the new one once it resolves. */
export async function replaceFile(path: string, text: string | AsyncIterable<string>): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
