import { join } from 'node:path';
import { freePort } from '../support/running-carnet.ts';
import { binary } from './binaries.ts';
import { ServerProcess } from './child-processes.ts';

/** One store for any number of API servers, each under a prefix of its own. */
export class Etcd {
  readonly url: string;
  readonly #process: ServerProcess;

  private constructor(url: string, process: ServerProcess) {
    this.url = url;
    this.#process = process;
  }

  static async start(folder: string): Promise<Etcd> {
    const [url, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
    const args = [
      ...['--name=default', `--data-dir=${join(folder, 'etcd')}`, '--unsafe-no-fsync', '--log-level=warn'],
      ...[`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`],
      ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`, `--initial-cluster=default=${peer}`],
    ];
    const command = { file: binary('etcd'), args, logFile: join(folder, 'etcd.log') };
    const isReady = async () => (await fetch(`${url}/health`)).ok;
    return new Etcd(url, await ServerProcess.start(command, isReady));
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}
