import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { Gcp } from '../fakes/gcp.ts';
import { freePort } from '../support/running-carnet.ts';
import { LANGUAGES, type Language, run } from './programs.ts';
import { openStage, type Stage } from './stage.ts';

const POOL = 'projects/123456789012/locations/global/workloadIdentityPools/carnet';
const PROVIDER = `//iam.googleapis.com/${POOL}/providers/carnet`;
const REPORTER = 'reporter@acme.iam.gserviceaccount.com';
const SECRET = randomUUID();

const MAPPING = `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: reports }
spec:
  owner: team-payments@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: reporter }
  target:
    gcp:
      provider: ${PROVIDER}
      serviceAccount: ${REPORTER}
      scopes: ['https://www.googleapis.com/auth/devstorage.read_only']
  intents: unrestricted
`;

let cluster: FakeCluster;
let gcp: Gcp;
let stage: Stage;
let credentials: string;

beforeAll(async () => {
  cluster = await FakeCluster.start();
  const issuerPort = await freePort();
  gcp = await Gcp.start({
    providers: [
      {
        name: PROVIDER,
        issuerUri: `http://127.0.0.1:${issuerPort}`,
        attributeMapping: { 'google.subject': 'assertion.sub' },
      },
    ],
    serviceAccounts: [{ email: REPORTER, actors: [`principal://iam.googleapis.com/${POOL}/subject/mapping:reports`] }],
    buckets: [
      {
        name: 'reports',
        policy: { 'roles/storage.objectViewer': [`serviceAccount:${REPORTER}`] },
        objects: { secret: SECRET },
      },
    ],
  });
  const clouds = `{ gcp: { stsEndpoint: '${gcp.url}', iamCredentialsEndpoint: '${gcp.url}' } }`;
  stage = await openStage({ cluster, resources: MAPPING, clouds, issuerPort });
  credentials = join(stage.folder, 'credentials.json');
  await writeFile(
    credentials,
    JSON.stringify({
      type: 'external_account',
      audience: PROVIDER,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${stage.workloadUrl}/sdk/gcp/reports/token`,
      credential_source: { file: stage.tokenFile },
    }),
  );
});

afterAll(async () => {
  await stage.stop();
  await Promise.all([cluster.close(), gcp.close()]);
});

describe.each(LANGUAGES)("Google's library for $name, unmodified", ({ command }: Language) => {
  const program = command('gcp');

  test.skipIf(program === undefined)('reads an object with the token that Google gave to Carnet', async () => {
    const before = gcp.calls.length;
    const outcome = await run(program ?? [], {
      ...stage.environment,
      GOOGLE_APPLICATION_CREDENTIALS: credentials,
      GOOGLE_CLOUD_PROJECT: 'acme',
      SECRET_URL: `${gcp.url}/storage/v1/b/reports/o/secret?alt=media`,
    });
    expect(outcome, outcome.stderr).toMatchObject({ stdout: SECRET, status: 0 });
    const reads = gcp.calls.slice(before).filter(({ service }) => service === 'storage');
    expect(reads.map(({ method, outcome: said }) => [method, said])).toEqual([['GET', 'answered']]);
  });
});
