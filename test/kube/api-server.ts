import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loopbackCertificate, type TestCertificate } from '../support/certificate-authority.ts';
import { freePort } from '../support/running-carnet.ts';
import { ApiClient } from './api-client.ts';
import { binary } from './binaries.ts';
import { ServerProcess } from './child-processes.ts';
import type { Etcd } from './etcd.ts';

const API_AUDIENCE = 'https://kubernetes.default.svc';
/** What kubeadm sets, so that every such cluster shares it. */
const KUBEADM_ISSUER = 'https://kubernetes.default.svc.cluster.local';
/** Of the version in go.mod. */
const MINOR = 36;

export interface ApiServerOptions {
  readonly name: string;
  readonly etcd: Etcd;
  /** A folder for keys and logs, removed by whoever made it. */
  readonly folder: string;
  readonly issuer?: string;
  /** Added to the process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What may change when the server is restarted. */
export interface Restart {
  /** YAML of an AuthenticationConfiguration. */
  readonly authenticationConfig?: string;
  /** Seconds, `--service-account-max-token-expiration`. */
  readonly maxTokenSeconds?: number;
}

/** A real kube-apiserver on loopback with service account keys of its own; RBAC is on, one static token is the admin's. */
export class ApiServer {
  readonly issuer: string;
  readonly minor = MINOR;
  readonly url: string;
  readonly adminToken = 'admin-token-of-a-test';
  readonly #options: ApiServerOptions;
  readonly #folder: string;
  readonly #certificate: TestCertificate;
  readonly #port: number;
  /** Files of private and public key; the first signs, all are published. */
  #keys: { readonly key: string; readonly pub: string }[] = [];
  #settings: Restart = {};
  #process: ServerProcess | undefined;

  private constructor(options: ApiServerOptions, certificate: TestCertificate, port: number) {
    this.#options = options;
    this.#folder = join(options.folder, options.name);
    this.#certificate = certificate;
    this.#port = port;
    this.issuer = options.issuer ?? KUBEADM_ISSUER;
    this.url = `https://127.0.0.1:${port}`;
  }

  static async start(options: ApiServerOptions): Promise<ApiServer> {
    const server = new ApiServer(options, await loopbackCertificate(options.name), await freePort());
    await mkdir(server.#folder);
    const { cert, key } = server.#certificate;
    await server.#write('serving.pem', cert);
    await server.#write('serving-key.pem', key);
    await server.#write('tokens.csv', `${server.adminToken},admin,admin-uid,"system:masters"\n`);
    await server.#newKey();
    await server.#run();
    return server;
  }

  /** PEM of the authority behind the server's certificate. */
  get ca(): string {
    return this.#certificate.ca;
  }

  get discoveryUrl(): string {
    return `${this.url}/.well-known/openid-configuration`;
  }

  get admin(): ApiClient {
    return new ApiClient(this, this.adminToken);
  }

  /** Signs with a new key from now on; the former ones stay published. The server is away for seconds meanwhile. */
  async rotate(settings?: Restart): Promise<void> {
    await this.#newKey();
    await this.restart(settings);
  }

  /** The same cluster, same keys and same address, with other settings where some are given. */
  async restart(settings: Restart = this.#settings): Promise<void> {
    await this.stop();
    this.#settings = settings;
    await this.#run();
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#process = undefined;
  }

  async #run(): Promise<void> {
    const { authenticationConfig } = this.#settings;
    if (authenticationConfig !== undefined) await this.#write('authentication.yaml', authenticationConfig);
    const { env = {} } = this.#options;
    const command = { file: binary('kube-apiserver'), args: this.#args(), logFile: join(this.#folder, 'log'), env };
    const isReady = async () => (await this.admin.call('GET', '/readyz')).status === 200;
    this.#process = await ServerProcess.start(command, isReady);
  }

  #args(): readonly string[] {
    const { etcd, name } = this.#options;
    const { authenticationConfig, maxTokenSeconds } = this.#settings;
    const at = (file: string) => join(this.#folder, file);
    return [
      ...[`--etcd-servers=${etcd.url}`, `--etcd-prefix=/${name}`],
      ...['--bind-address=127.0.0.1', `--secure-port=${this.#port}`, '--advertise-address=127.0.0.1'],
      '--endpoint-reconciler-type=none',
      ...[`--tls-cert-file=${at('serving.pem')}`, `--tls-private-key-file=${at('serving-key.pem')}`],
      ...[`--cert-dir=${at('certs')}`, `--token-auth-file=${at('tokens.csv')}`, '--authorization-mode=RBAC'],
      // Without a controller manager nobody makes the accounts that this plug-in waits for.
      ...['--service-cluster-ip-range=10.0.0.0/24', '--disable-admission-plugins=ServiceAccount'],
      ...[`--service-account-issuer=${this.issuer}`, `--service-account-jwks-uri=${this.url}/openid/v1/jwks`],
      ...this.#keys.map(({ pub }) => `--service-account-key-file=${pub}`),
      ...this.#keys.slice(0, 1).map(({ key }) => `--service-account-signing-key-file=${key}`),
      ...[`--api-audiences=${API_AUDIENCE}`, '--service-account-extend-token-expiration=true'],
      ...(authenticationConfig === undefined ? [] : [`--authentication-config=${at('authentication.yaml')}`]),
      ...(maxTokenSeconds === undefined ? [] : [`--service-account-max-token-expiration=${maxTokenSeconds}s`]),
    ];
  }

  async #newKey(): Promise<void> {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const number = this.#keys.length;
    const key = await this.#write(`sa-${number}.key`, privateKey.export({ type: 'pkcs1', format: 'pem' }).toString());
    const pub = await this.#write(`sa-${number}.pub`, publicKey.export({ type: 'spki', format: 'pem' }).toString());
    this.#keys = [{ key, pub }, ...this.#keys];
  }

  async #write(file: string, text: string): Promise<string> {
    const path = join(this.#folder, file);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  }
}
