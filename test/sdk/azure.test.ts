import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AzureVault } from '../fakes/azure-vault.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { Entra } from '../fakes/entra.ts';
import { freePort } from '../support/running-carnet.ts';
import { LANGUAGES, type Language, run } from './programs.ts';
import { openStage, type Stage } from './stage.ts';

const TENANT = '11111111-2222-3333-4444-555555555555';
const CLIENT = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';
const RESOURCE = 'https://vault.azure.net';
const SCOPE = `${RESOURCE}/.default`;

const MAPPING = `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: reports }
spec:
  owner: team-payments@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: reporter }
  target: { azure: { tenant: ${TENANT}, clientId: ${CLIENT}, scopes: ['${SCOPE}'] } }
  intents: unrestricted
  residual: { accept: [ttl], reason: Entra chooses lifetimes itself }
`;

let cluster: FakeCluster;
let entra: Entra;
let vault: AzureVault;
let stage: Stage;

beforeAll(async () => {
  cluster = await FakeCluster.start();
  const issuerPort = await freePort();
  const credential = { subject: 'mapping:reports', audience: 'api://AzureADTokenExchange' };
  const credentials = [{ issuer: `http://127.0.0.1:${issuerPort}`, ...credential }];
  entra = await Entra.start({
    applications: [{ tenant: TENANT, clientId: CLIENT, credentials }],
    resources: [RESOURCE],
  });
  vault = await AzureVault.start(entra, RESOURCE);
  const clouds = `{ azure: { authorityHost: '${entra.url}' } }`;
  stage = await openStage({ cluster, resources: MAPPING, clouds, issuerPort });
});

afterAll(async () => {
  await stage.stop();
  await Promise.all([cluster.close(), entra.close(), vault.close()]);
});

function environment(): Record<string, string> {
  return {
    ...stage.environment,
    AZURE_TENANT_ID: TENANT,
    AZURE_CLIENT_ID: CLIENT,
    AZURE_FEDERATED_TOKEN_FILE: stage.tokenFile,
    AZURE_KUBERNETES_TOKEN_PROXY: `${stage.workloadUrl}/sdk/azure`,
    AZURE_KUBERNETES_CA_FILE: stage.caFile,
    SECRET_URL: vault.url,
    SECRET_SCOPE: SCOPE,
  };
}

/** Its library sends the discovery of the tenant to the proxy as well, which answers tokens alone; docs/sdks.md says so. */
const asksForDiscovery = ({ name }: Language): boolean => name === 'Go';

describe.each(LANGUAGES)("Azure's library for $name, unmodified", (language: Language) => {
  const program = language.command('azure');

  if (asksForDiscovery(language)) {
    test.skipIf(program === undefined)('gets nothing: it asks the token proxy for discovery first', async () => {
      const outcome = await run(program ?? [], environment());
      expect([outcome.status, outcome.stdout]).toEqual([1, '']);
      expect(outcome.stderr).toMatch(/GET https:.*\/v2\.0\/\.well-known\/openid-configuration.*RESPONSE 404/s);
    });
    return;
  }

  test.skipIf(program === undefined)('reads a secret with the token that Entra gave to Carnet', async () => {
    const before = vault.reads.length;
    const outcome = await run(program ?? [], environment());
    expect(outcome, outcome.stderr).toMatchObject({ stdout: vault.secret, status: 0 });
    expect(vault.reads.slice(before)).toEqual([CLIENT]);
  });
});
