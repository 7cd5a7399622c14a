import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AUDIENCE, type Installation } from '../support/running-carnet.ts';
import type { ApiClient } from './api-client.ts';
import type { ApiServer } from './api-server.ts';

export const ACCOUNT = { namespace: 'payments', name: 'reporter' } as const;
export const POD = { kind: 'Pod', name: 'reporter-0' } as const;

/** A cluster that Carnet trusts, under the name that an admin gives it. */
export interface TrustedCluster {
  readonly name: string;
  readonly server: ApiServer;
  /** `spec.kubernetes` of its TrustedIssuer, in YAML. Default `{}`. */
  readonly kubernetes?: string;
}

/** An account with a pod on a node, and one for Carnet itself: what every test starts from. */
export async function populate(admin: ApiClient): Promise<void> {
  const { namespace, name } = ACCOUNT;
  for (const one of [namespace, 'carnet']) await admin.createNamespace(one);
  await admin.createServiceAccount(namespace, name);
  await admin.createServiceAccount('carnet', 'carnet');
  await admin.createNode('node-1');
  await admin.createPod(namespace, POD.name, { serviceAccountName: name, nodeName: 'node-1' });
}

/** What a pod finds in its file: a token for Carnet, bound to the pod. */
export function podToken({ admin }: ApiServer): Promise<string> {
  return admin.token(ACCOUNT.namespace, ACCOUNT.name, { audiences: [AUDIENCE], boundObjectRef: POD });
}

interface Options {
  readonly clusters: readonly TrustedCluster[];
  readonly resources: string;
  /** Where the cloud issuer is. */
  readonly url: string;
  /** Of carnet.yaml: everything beside trust domain, resources, outbound, store, signing and audit. */
  readonly config: string;
}

/** A folder with a configuration that trusts these clusters by private discovery: own CA, own account's token. */
export async function installOn({ clusters, resources, url, config }: Options): Promise<Installation> {
  const folder = await mkdtemp(join(tmpdir(), 'carnet-kube-'));
  await mkdir(join(folder, 'resources'));
  const writeResource = (file: string, text: string) => writeFile(join(folder, 'resources', file), text);
  for (const { name, server } of clusters) {
    await writeResource(`${name}-ca.pem`, server.ca);
    await writeResource(`${name}-token`, await server.admin.token('carnet', 'carnet'));
  }
  await writeResource('resources.yaml', clusters.map(trustedIssuer).join('') + resources);
  await writeFile(join(folder, 'kek'), `${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 });
  const origins = JSON.stringify(clusters.map(({ server }) => server.url));
  const configText = `trustDomain: example.org
resources: [./resources]
outbound: { allowOrigins: ${origins} }
store: { sqlite: { path: ./data/carnet.db } }
signing: { encryptionKeyFile: ./kek }
audit: { directory: ./audit }
${config}`;
  const configFile = join(folder, 'carnet.yaml');
  await writeFile(configFile, configText);
  const remove = () => rm(folder, { recursive: true, force: true });
  return { folder, url, configFile, configText, writeResource, remove };
}

function trustedIssuer({ name, server, kubernetes = '{}' }: TrustedCluster): string {
  const url = server.discoveryUrl;
  return `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: ${name} }
spec:
  issuer: ${server.issuer}
  audiences: ['${AUDIENCE}']
  keys: { discovery: { url: '${url}', caFile: ./${name}-ca.pem, bearerTokenFile: ./${name}-token } }
  kubernetes: ${kubernetes}
---
`;
}
