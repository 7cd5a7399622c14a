import { type FSWatcher, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Watches files and folders as well as the system can. An event may be missed (network file systems, folders that do
 * not exist yet): whoever needs certainty looks again from time to time. Never throws and keeps no process alive.
 */
export class FileWatch {
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, FSWatcher>();

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Watches what is not watched yet: call it again for paths that have appeared since. */
  add(paths: readonly string[]): void {
    for (const path of paths) {
      if (!this.#watchers.has(path)) this.#watch(path);
    }
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watch(path: string): void {
    try {
      const isFolder = statSync(path).isDirectory();
      // A single file is replaced by renaming another over it, which only its folder sees.
      const watcher = watch(isFolder ? path : dirname(path), { recursive: isFolder, persistent: false });
      watcher.on('change', () => this.#onChange());
      watcher.on('error', () => this.#forget(path, watcher));
      this.#watchers.set(path, watcher);
    } catch {
      this.#watchers.delete(path);
    }
  }

  #forget(path: string, watcher: FSWatcher): void {
    watcher.close();
    this.#watchers.delete(path);
    this.#onChange();
  }
}
