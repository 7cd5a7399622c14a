import { FakeCluster } from '../test/fakes/cluster.ts';
import { type FakeKey, newKey, signClaims } from '../test/fakes/cluster-keys.ts';
import { loopbackCertificate, type TestCertificate } from '../test/support/certificate-authority.ts';
import { exchangeForm } from '../test/support/running-carnet.ts';
import { type PeerMaterial, peerMaterial } from './peer-material.ts';

const AUDIENCE = 'https://sts.example.org';
/** What is asked for: the audience of a JWT-SVID. */
const TARGET = 'ledger';
/** So many that none of them asks as often as an identity may. */
const WORKLOADS = 1024;
/** As long as those of managed clusters are. */
const ISSUER = 'https://oidc.eks.eu-west-1.example.org/id/5F0C7A6B1E2D4C3B9A8F7E6D5C4B3A29';
const NAMESPACE = 'payments-production';

/** Form bodies by what is wrong with their tokens. */
export type TokenClass = 'accepted' | 'malformed' | 'unknownIssuer' | 'badSignature' | 'repeatedForgery' | 'expired';

/** Everything that the processes of one run share; it travels as a JSON file. */
export interface Material {
  readonly keySet: { readonly keys: readonly object[] };
  readonly tokens: readonly string[];
  readonly bodies: Readonly<Record<TokenClass, readonly string[]>>;
  /** The TrustedIssuer and the mapping of the exchange rows. */
  readonly resources: string;
  /** An answer of the product, byte for byte; the floors send it and the raw signature signs its token again. */
  readonly answer: string;
  readonly certificate: TestCertificate;
  readonly peer: PeerMaterial;
}

/** Tokens of many pods with the claims and the size of projected ones, and the resources that accept them. */
export async function prepareMaterial(): Promise<Omit<Material, 'answer'>> {
  const cluster = await FakeCluster.start({ issuer: ISSUER });
  try {
    const claims = Array.from({ length: WORKLOADS }, (_, number) => claimsOf(cluster, number));
    const key = cluster.signingKey;
    const tokens = claims.map((one) => signClaims(key, one));
    const keySet = { keys: cluster.keySet().keys };
    const bodies = {
      accepted: tokens.map(bodyOf),
      malformed: tokens.map((token) => bodyOf(`${token}=`)),
      unknownIssuer: forge(key, claims, () => ({ iss: 'https://kubernetes.elsewhere.example.org' })),
      // Carnet remembers the forgeries that it has seen: the load generator makes each of the former a new one.
      badSignature: badlySigned(tokens),
      repeatedForgery: badlySigned(tokens),
      expired: forge(key, claims, expired),
    };
    return {
      keySet,
      tokens,
      bodies,
      resources: resourcesOf(cluster.issuer, keySet),
      certificate: await loopbackCertificate('carnet'),
      peer: peerMaterial(claims[0] ?? {}),
    };
  } finally {
    await cluster.close();
  }
}

function claimsOf(cluster: FakeCluster, number: number): Record<string, unknown> {
  const replica = `7d9f8c6b5d-x${String(number).padStart(4, '0')}`;
  return cluster.claims({
    namespace: NAMESPACE,
    serviceAccount: `reporter-${number}`,
    audiences: [AUDIENCE],
    boundTo: { kind: 'pod', name: `reporter-${number}-${replica}` },
    node: {
      name: `ip-10-0-${number}-17.eu-west-1.compute.internal`,
      uid: '0b6f3c1e-8f0a-4c55-9a3e-0e3b9c1d7f21',
    },
  });
}

function bodyOf(token: string): string {
  return new URLSearchParams(exchangeForm(token, TARGET)).toString();
}

function forge(
  key: FakeKey,
  claims: readonly Record<string, unknown>[],
  change: (claims: Record<string, unknown>) => object,
): readonly string[] {
  return claims.map((one) => bodyOf(signClaims(key, { ...one, ...change(one) })));
}

function expired({ iat, exp, nbf }: Record<string, unknown>): object {
  const day = 86_400;
  return { iat: Number(iat) - day, nbf: Number(nbf) - day, exp: Number(exp) - day };
}

/** Signatures of the right length by nobody's key. */
function badlySigned(tokens: readonly string[]): readonly string[] {
  const stranger = newKey('RS256');
  return tokens.map((token, number) => {
    const other = signClaims(stranger, { number });
    return bodyOf(`${token.slice(0, token.lastIndexOf('.'))}${other.slice(other.lastIndexOf('.'))}`);
  });
}

function resourcesOf(issuer: string, keySet: object): string {
  return `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: prod-eu, labels: { env: prod } }
spec:
  issuer: ${issuer}
  audiences: ['${AUDIENCE}']
  keys: { static: { jwks: ${JSON.stringify(keySet)} } }
  kubernetes: {}
---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: ${NAMESPACE}, serviceAccount: '*' }
  target: { jwtSvid: { audiences: [${TARGET}] } }
---
apiVersion: carnet.dev/v1alpha1
kind: Guardrail
metadata: { name: prod-needs-a-pod }
spec: { match: { issuerLabels: { env: prod } }, requirePodBound: true }
`;
}

/** So many mappings as the text of files of 100 documents each, one for every ServiceAccount. */
export function mappingFiles(count: number): readonly string[] {
  const files: string[] = [];
  for (let first = 0; first < count; first += 100) {
    const documents = Array.from({ length: Math.min(100, count - first) }, (_, offset) => mapping(first + offset));
    files.push(documents.join('---\n'));
  }
  return files;
}

function mapping(number: number): string {
  return `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: m-${number} }
spec:
  owner: team-${number % 50}@example.org
  subject: { issuer: prod-eu, namespace: ns-${number % 100}, serviceAccount: sa-${number} }
  target: { jwtSvid: { audiences: [${TARGET}] } }
  ttl: { default: 5m, max: 1h }
`;
}
