// Plays a cluster for a first exchange of one's own: makes a key, writes a TrustedIssuer that trusts it and a mapping for
// one ServiceAccount to examples/local/resources/, and a token such as the cluster would project to var/token.
//   sh scripts/run.sh examples/first-exchange/make-issuer.ts [NAMESPACE] [SERVICE_ACCOUNT]
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [namespace = 'shop', serviceAccount = 'checkout'] = process.argv.slice(2);
const ISSUER = 'https://cluster.example.org';
const AUDIENCE = 'http://127.0.0.1:8080';
const root = join(import.meta.dirname, '../..');

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');

const resources = `# Written by examples/first-exchange/make-issuer.ts; git ignores it.
apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: my-cluster, labels: { env: dev } }
spec:
  issuer: ${ISSUER}
  audiences: ["${AUDIENCE}"]
  keys:
    static:
      jwks:
        keys:
          - { kty: ${kty}, crv: ${crv}, x: "${x}", "y": "${y}", kid: "${kid}", alg: ES256, use: sig }
  kubernetes: {}
---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: my-service }
spec:
  owner: me@example.org
  subject: { issuer: my-cluster, namespace: ${namespace}, serviceAccount: ${serviceAccount} }
  target:
    jwtSvid: { audiences: [ledger] }
`;

/** The claims of a projected token; the private key is gone when this process ends. */
function token(): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: ISSUER,
    sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    aud: [AUDIENCE],
    iat: now,
    nbf: now,
    exp: now + 3600,
    jti: randomUUID(),
    'kubernetes.io': {
      namespace,
      serviceaccount: { name: serviceAccount, uid: randomUUID() },
      pod: { name: `${serviceAccount}-0`, uid: randomUUID() },
    },
  };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode({ alg: 'ES256', kid })}.${encode(claims)}`;
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

mkdirSync(join(root, 'var'), { recursive: true, mode: 0o700 });
writeFileSync(join(root, 'examples/local/resources/first-exchange.yaml'), resources);
writeFileSync(join(root, 'var/token'), token(), { mode: 0o600 });
console.log('wrote examples/local/resources/first-exchange.yaml and var/token (valid for one hour)');
