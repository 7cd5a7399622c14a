import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FakeCluster } from '../fakes/cluster.ts';
import { loopbackCertificate } from '../support/certificate-authority.ts';
import { AUDIENCE, clusterIssuer, freePort, install, start } from '../support/running-carnet.ts';

/** The pod whose token file every program of the matrix reads. */
const POD = { kind: 'pod', name: 'reporter-7d9f' } as const;

/** Carnet as workloads of the matrix meet it: the whole product, over real sockets. */
export interface Stage {
  /** `https://localhost:<port>` with a certificate of a private authority, or `http://127.0.0.1:<port>`. */
  readonly workloadUrl: string;
  /** PEM of that authority. */
  readonly caFile: string;
  /** Holds the projected token of the pod. */
  readonly tokenFile: string;
  /** The same of a pod that no mapping selects. */
  readonly strangerTokenFile: string;
  /** Environment of every program: an empty home, and the authority in each language's own way. */
  readonly environment: Readonly<Record<string, string>>;
  /** For files of cells. */
  readonly folder: string;
  stop(): Promise<void>;
}

interface StageOptions {
  readonly cluster: FakeCluster;
  /** FederationMappings. */
  readonly resources: string;
  /** `clouds` of carnet.yaml, in YAML. */
  readonly clouds: string;
  /** Where the cloud issuer is: the doubles fetch its keys by http on loopback. */
  readonly issuerPort: number;
  /** Workloads reach Carnet by http, as a sidecar on loopback. Default false. */
  readonly plain?: boolean;
}

const JAVA_PASSWORD = 'changeit';

export async function openStage(options: StageOptions): Promise<Stage> {
  const { cluster, resources, issuerPort, clouds, plain = false } = options;
  const installation = await install({ cluster, resources: clusterIssuer(cluster) + resources, port: issuerPort });
  const { folder } = installation;
  const file = (name: string) => join(folder, name);
  const certificate = await loopbackCertificate('carnet');
  await writeFile(file('ca.pem'), certificate.ca);
  await writeFile(file('cert.pem'), certificate.cert);
  await writeFile(file('key.pem'), certificate.key, { mode: 0o600 });
  const token = (serviceAccount: string) => cluster.token({ audiences: [AUDIENCE], serviceAccount, boundTo: POD });
  await writeFile(file('token'), token('reporter'));
  await writeFile(file('stranger-token'), token('stranger'));
  const port = await freePort();
  const listeners = plain ? '' : await threeListeners(issuerPort, port);
  const configText = `${installation.configText.replace(plain ? '' : /^listen: .*\n/m, listeners)}clouds: ${clouds}\n`;
  await writeFile(installation.configFile, configText);
  const carnet = await start({ ...installation, configText });
  return {
    workloadUrl: plain ? installation.url : `https://localhost:${port}`,
    caFile: file('ca.pem'),
    tokenFile: file('token'),
    strangerTokenFile: file('stranger-token'),
    environment: { HOME: folder, ...trust(file('ca.pem'), file('trust.p12')) },
    folder,
    stop: async () => {
      await carnet.stop();
      await carnet.remove();
    },
  };
}

/** The workload door with TLS; the public one, where the doubles fetch keys, without. */
async function threeListeners(issuerPort: number, port: number): Promise<string> {
  const tls = '{ certFile: ./cert.pem, keyFile: ./key.pem }';
  return `listeners:
  public: { host: 127.0.0.1, port: ${issuerPort} }
  workload: { host: 127.0.0.1, port: ${port}, url: 'https://localhost:${port}', tls: ${tls} }
  admin: { host: 127.0.0.1, port: ${await freePort()} }
`;
}

/** Each language's way to trust an authority without a word in its code. */
function trust(caFile: string, keystore: string): Record<string, string> {
  const java = process.env['CARNET_SDK_JAVA'] ? javaTrust(caFile, keystore) : {};
  return {
    NODE_EXTRA_CA_CERTS: caFile,
    AWS_CA_BUNDLE: caFile,
    REQUESTS_CA_BUNDLE: caFile,
    SSL_CERT_FILE: caFile,
    ...java,
  };
}

function javaTrust(caFile: string, keystore: string): Record<string, string> {
  const store = ['-keystore', keystore, '-storetype', 'PKCS12', '-storepass', JAVA_PASSWORD];
  execFileSync('keytool', ['-importcert', '-noprompt', '-alias', 'carnet', '-file', caFile, ...store], {
    stdio: 'ignore',
  });
  const trusted = 'javax.net.ssl.trustStore';
  return { JAVA_TOOL_OPTIONS: `-D${trusted}=${keystore} -D${trusted}Password=${JAVA_PASSWORD}` };
}
