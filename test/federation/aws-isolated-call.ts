import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { OutboundRequest } from '../../src/outbound/outbound.ts';
import { answerXml } from '../fakes/aws-sts-wire.ts';

// Run as a process of its own. Prints every request that one issuance would send, with a second hop where it is told
// so, answering the last with an outage, and what of AWS's it read from the environment and from files meanwhile.
const variables = new Set<string>();
const files = new Set<string>();
process.env = new Proxy(process.env, {
  get: (env, name) => {
    if (typeof name === 'string' && /AWS|_X_AMZN/.test(name)) variables.add(name);
    return Reflect.get(env, name);
  },
});
for (const [owner, name] of [
  [fs, 'readFileSync'],
  [fs, 'readFile'],
  [fs.promises, 'readFile'],
] as const) {
  const original: (...parameters: unknown[]) => unknown = Reflect.get(owner, name);
  Reflect.set(owner, name, (...parameters: unknown[]) => {
    if (String(parameters[0]).includes('.aws')) files.add(String(parameters[0]));
    return Reflect.apply(original, owner, parameters);
  });
}
syncBuiltinESMExports();

const { createAwsTarget } = await import('../../src/federation/aws/aws-target.ts');
const { Secret } = await import('../../src/core/secret.ts');
const { createMetrics } = await import('../../src/telemetry/metrics.ts');
// What the SDK reads when it is loaded is no part of the call.
await import('../../src/federation/aws/sts-call.ts');
variables.clear();

const secondHop = process.argv[2] === 'second-hop';
const firstAnswer = answerXml(
  'AssumeRoleWithWebIdentity',
  {
    SubjectFromWebIdentityToken: 'mapping:reports',
    Audience: 'sts.amazonaws.com',
    AssumedRoleUser: { Arn: 'arn:aws:sts::123456789012:assumed-role/pay/payments.reporter', AssumedRoleId: 'AROA:n' },
    Credentials: {
      AccessKeyId: 'ASIAFIRSTSESSION',
      SecretAccessKey: 'first-secret',
      SessionToken: 'first-token',
      Expiration: '2026-11-22T09:15:00Z',
    },
    Provider: 'p',
    PackedPolicySize: 24,
  },
  'request-1',
);
const requests: OutboundRequest[] = [];
const target = createAwsTarget({
  authority: { sign: async () => new Secret('assertion') },
  outbound: {
    request: async (request) => {
      requests.push({ ...request, body: Buffer.from(request.body ?? '').toString() });
      const first = secondHop && requests.length === 1;
      return { status: first ? 200 : 503, headers: {}, body: Buffer.from(first ? firstAnswer : '') };
    },
    close: async () => undefined,
  },
  clock: { now: () => 1_795_338_000_000 },
  metrics: createMetrics(),
  log: { warn: () => undefined },
});
const grant = {
  kind: 'aws',
  mapping: 'reports',
  targetId: 'arn:aws:iam::123456789012:role/pay',
  roleArn: 'arn:aws:iam::123456789012:role/pay',
  region: 'eu-west-1',
  sessionName: 'payments.reporter',
  tags: {},
  transitiveTagKeys: [],
  ttlSeconds: 900,
  issuedTokenType: 'urn:carnet:token-type:aws-credentials',
  enforcedBy: [],
  deliver: 'credentials',
  ...(secondHop && { secondHop: { roleArn: 'arn:aws:iam::210987654321:role/reports', externalId: 'shared' } }),
} as const;
const identity = {
  kind: 'oidc',
  issuer: 'ci',
  subject: 'job',
  claims: {},
  issuedAt: 0,
  expiresAt: 0,
  jtiSha256: '',
} as const;
const outcome = await target.issue(grant, identity, { id: 'jti', issuedAt: 1_795_338_000, traceId: 't' }).then(
  () => 'issued',
  (error: unknown) => String(error),
);
process.stdout.write(JSON.stringify({ outcome, requests, variables: [...variables].sort(), files: [...files].sort() }));
