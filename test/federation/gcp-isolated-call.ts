import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { OutboundRequest } from '../../src/outbound/outbound.ts';

// Run as a process of its own. Prints every request that one issuance sends, with the answers of a Google that says yes,
// and what of Google's and of proxies it read from the environment and from files meanwhile.
const variables = new Set<string>();
const files = new Set<string>();
process.env = new Proxy(process.env, {
  get: (env, name) => {
    if (typeof name === 'string' && /GOOGLE|GCE|GCLOUD|CLOUDSDK|PROXY|GAXIOS|METADATA/i.test(name)) variables.add(name);
    return Reflect.get(env, name);
  },
});
for (const [owner, name] of [
  [fs, 'readFileSync'],
  [fs, 'readFile'],
  [fs.promises, 'readFile'],
  [fs, 'existsSync'],
] as const) {
  const original: (...parameters: unknown[]) => unknown = Reflect.get(owner, name);
  Reflect.set(owner, name, (...parameters: unknown[]) => {
    if (String(parameters[0]).includes('gcloud')) files.add(String(parameters[0]));
    return Reflect.apply(original, owner, parameters);
  });
}
syncBuiltinESMExports();

const { createGcpTarget } = await import('../../src/federation/gcp/gcp-target.ts');
const { Secret } = await import('../../src/core/secret.ts');
// What the library reads while it is loaded must not change a call either, but is not counted.
await import('../../src/federation/gcp/sts-client.ts');
variables.clear();

const requests: OutboundRequest[] = [];
const answers: readonly object[] = [
  {
    access_token: 'ya29.federated',
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    token_type: 'Bearer',
    expires_in: 3600,
  },
  { accessToken: 'ya29.impersonated', expireTime: '2026-11-22T09:15:00Z' },
  {
    access_token: 'ya29.bounded',
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    token_type: 'Bearer',
  },
];
const target = createGcpTarget({
  authority: { sign: async () => new Secret('assertion') },
  outbound: {
    request: async (request) => {
      requests.push(request);
      return { status: 200, headers: {}, body: Buffer.from(JSON.stringify(answers[requests.length - 1])) };
    },
    close: async () => undefined,
  },
  clock: { now: () => 1_795_338_000_000 },
});
const grant = {
  kind: 'gcp',
  mapping: 'reports',
  targetId: 'reporter@example.iam.gserviceaccount.com',
  provider: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/carnet',
  serviceAccount: 'reporter@example.iam.gserviceaccount.com',
  delegates: [],
  scopes: [],
  accessBoundary: '{"accessBoundary":{"accessBoundaryRules":[]}}',
  ttlSeconds: 900,
  issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
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
  (credential) => credential.accessToken.reveal(),
  (error: unknown) => String(error),
);
process.stdout.write(JSON.stringify({ outcome, requests, variables: [...variables].sort(), files: [...files].sort() }));
