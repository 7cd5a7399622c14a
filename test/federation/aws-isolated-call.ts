import { Secret } from '../../src/core/secret.ts';
import { createAwsTarget } from '../../src/federation/aws/aws-target.ts';
import type { OutboundRequest } from '../../src/outbound/outbound.ts';

// Run as a process of its own: prints every request that one issuance would send, answering each with an outage.
const requests: OutboundRequest[] = [];
const target = createAwsTarget({
  authority: { sign: async () => new Secret('assertion') },
  outbound: {
    request: async (request) => {
      requests.push({ ...request, body: Buffer.from(request.body ?? '').toString() });
      return { status: 503, headers: {}, body: Buffer.from('') };
    },
    close: async () => undefined,
  },
  clock: { now: () => 1_795_338_000_000 },
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
process.stdout.write(JSON.stringify({ outcome, requests }));
