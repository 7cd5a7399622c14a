import { spawnSync } from 'node:child_process';

/** Words put before a command, so that servers and clients do not share a core; empty where that cannot be done. */
export interface Cores {
  readonly server: readonly string[];
  readonly client: readonly string[];
  readonly pinned: boolean;
}

export function findCores(): Cores {
  const pin = (core: number) => ['taskset', '-c', String(core)];
  const works = [0, 1].every((core) => {
    const [command = '', ...args] = [...pin(core), 'true'];
    return process.platform === 'linux' && spawnSync(command, args).status === 0;
  });
  return works ? { server: pin(1), client: pin(0), pinned: true } : { server: [], client: [], pinned: false };
}
