import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiServer, type ApiServerOptions } from './api-server.ts';
import { Etcd } from './etcd.ts';

export interface RealClusters {
  readonly servers: readonly ApiServer[];
  /** Ends every server and removes what they wrote. */
  stop(): Promise<void>;
}

/** Real API servers over one etcd; unless told otherwise all with one issuer string and each with its own keys. */
export async function startClusters(
  ...options: readonly Omit<ApiServerOptions, 'etcd' | 'folder'>[]
): Promise<RealClusters> {
  await using started = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'carnet-kube-'));
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const etcd = await Etcd.start(folder);
  started.defer(() => etcd.stop());
  const servers: ApiServer[] = [];
  for (const option of options) {
    const server = await ApiServer.start({ ...option, etcd, folder });
    started.defer(() => server.stop());
    servers.push(server);
  }
  const stack = started.move();
  return { servers, stop: () => stack.disposeAsync() };
}
