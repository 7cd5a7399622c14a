import { installation } from './temporary-installation.ts';

/** A configuration for production, as clouds see it. */
export const PRODUCTION = `issuer: https://sts.example.org
trustDomain: example.org
listeners:
  public: { host: 127.0.0.1, port: 8081 }
  workload: { host: 127.0.0.1, port: 8082, url: https://sts.internal.example.org }
  admin: { host: 127.0.0.1, port: 8083 }
resources: [./resources]
store: { sqlite: { path: ./var/carnet.db } }
signing: { encryptionKeyFile: ./kek }
audit: { directory: ./audit }
`;

const ISSUERS = `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: prod-eu, labels: { env: prod } }
spec:
  issuer: https://oidc.prod-eu.example.org
  audiences: [https://sts.example.org]
  keys: { discovery: {} }
  kubernetes: {}
---
apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: github }
spec:
  issuer: https://token.actions.githubusercontent.com
  audiences: [https://sts.example.org]
  keys: { discovery: {} }
  oidc: { requireClaims: { repository_owner_id: "1234567" } }
`;

const REPORTS = `{ issuer: prod-eu, namespace: payments, serviceAccount: reporter }`;

/** A FederationMapping with `unrestricted` intents; `target` and `more` are YAML. */
export function mapping(name: string, target: string, { subject = REPORTS, more = '' } = {}): string {
  return `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: ${name} }
spec:
  owner: team@example.org
  subject: ${subject}
  target: ${target}
  intents: unrestricted
  residual: { accept: [intents, ttl], reason: a test }
${more}`;
}

/** A folder of a production installation with these mappings. */
export function cloudInstallation(mappings: readonly string[], files: Readonly<Record<string, string>> = {}): string {
  const resources = [ISSUERS, ...mappings].join('---\n');
  return installation({ 'carnet.yaml': PRODUCTION, 'resources/all.yaml': resources, ...files });
}
