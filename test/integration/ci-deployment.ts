import { AwsSts } from '../fakes/aws-sts.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { AUDIENCE, freePort, install, type RunningCarnet, start } from '../support/running-carnet.ts';

const ROLE = 'arn:aws:iam::123456789012:role/deploy';

/** Claims of the job that the mapping `deploy` is for. */
export const JOB = { repository_owner_id: '1234567', repository_id: '987654', environment: 'production' };

export interface CiDeployment {
  readonly ci: FakeOidcIssuer;
  readonly sts: AwsSts;
  readonly carnet: RunningCarnet;
  /** Where Carnet is asked. */
  readonly url: string;
  stop(): Promise<void>;
}

/** A running Carnet that trusts a CI system's issuer and gives one of its jobs a role at an AWS that checks what it is given. */
export async function startCiDeployment(): Promise<CiDeployment> {
  const [cluster, ci] = await Promise.all([FakeCluster.start(), FakeOidcIssuer.start()]);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const sts = await AwsSts.start({
    providers: [{ url, clientIds: ['sts.amazonaws.com'] }],
    roles: [{ arn: ROLE, provider: url, audiences: ['sts.amazonaws.com'], subjects: ['mapping:deploy'] }],
  });
  const resources = `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: ci }
spec:
  issuer: ${ci.issuer}
  audiences: ['${AUDIENCE}']
  keys: { discovery: {} }
  oidc: { requireClaims: { repository_owner_id: "1234567" } }
---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: deploy }
spec:
  owner: team-shop@example.org
  subject: { issuer: ci, claims: { repository_id: "987654", environment: production } }
  target: { aws: { roleArn: '${ROLE}', region: eu-west-1 } }
  intents: unrestricted
  ttl: { default: 15m, max: 30m, outliveSubject: true }
`;
  const more = `clouds: { aws: { stsEndpoint: '${sts.url}' } }\n`;
  const carnet = await start(await install({ cluster, resources, more, port, allowOrigins: [ci.issuer] }));
  const stop = async () => {
    await carnet.stop();
    await Promise.all([cluster.close(), ci.close(), sts.close()]);
    await carnet.remove();
  };
  return { ci, sts, carnet, url, stop };
}
