import type { ClusterDiscovery } from '../verifiers/kubeconfig-discovery.ts';
import { pemCertificates } from './pem-certificates.ts';

/** A cluster that was asked, under the name that it gets. */
export interface ImportedCluster {
  readonly context: string;
  /** Name of the TrustedIssuer. */
  readonly name: string;
  /** Base address of the API server. */
  readonly server: string;
  /** PEM; undefined: the system's roots. */
  readonly ca: string | undefined;
  readonly audience: string;
  readonly discovery: ClusterDiscovery;
}

/** A document, and the files that it names, by name. */
export interface IssuerDocument {
  readonly text: string;
  readonly files: Readonly<Record<string, string>>;
}

const WELL_KNOWN = '/.well-known/openid-configuration';
const MAX_LABEL = 63;

/** A context's name as a DNS label that is not taken yet, and now is. */
export function labelOf(context: string, taken: Set<string>): string {
  const plain = context
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  for (let count = 1; ; count += 1) {
    const suffix = count === 1 ? '' : `-${count}`;
    const stem = (plain === '' ? 'cluster' : plain).slice(0, MAX_LABEL - suffix.length).replace(/-+$/, '');
    const label = `${stem}${suffix}`;
    if (taken.has(label)) continue;
    taken.add(label);
    return label;
  }
}

/**
 * The TrustedIssuer of a cluster. Where anybody may read its keys, Carnet will fetch them; else they are copied, because
 * what is in a kubeconfig is a person's credential and none that a service may keep.
 */
export function issuerDocument(cluster: ImportedCluster): IssuerDocument {
  const { name, discovery, ca, context, audience } = cluster;
  const caName = `${name}-ca.pem`;
  const keysName = `${name}-jwks.json`;
  const caFile = ca === undefined ? [] : [`caFile: ./${caName}`];
  const address = [
    `url: ${quoted(`${cluster.server}${WELL_KNOWN}`)}`,
    ...(discovery.advertised ? [] : [`jwksUri: ${quoted(discovery.jwksUri)}`]),
    ...caFile,
  ];
  const head = `# Context ${quoted(context)}.
apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: ${name} }
spec:
  issuer: ${quoted(discovery.issuer)}
  audiences: [${quoted(audience)}]
`;
  const files = ca === undefined ? {} : { [caName]: `${pemCertificates(ca).join('\n')}\n` };
  if (discovery.anonymous) {
    const lines = address.map((line) => `      ${line}\n`).join('');
    return { text: `${head}  keys:\n    discovery:\n${lines}  kubernetes: {}\n`, files };
  }
  const commented = [...address, `bearerTokenFile: ./${name}-token`].map((line) => `  #     ${line}\n`).join('');
  return {
    text: `${head}  # A copy of today's keys: once the cluster signs with another, its tokens are refused. To have them fetched, put a
  # token for its API into ${name}-token, of a ServiceAccount that is bound to system:service-account-issuer-discovery,
  # and write in place of static:
  #   discovery:
${commented}  keys:
    static:
      jwksFile: ./${keysName}
  kubernetes: {}
`,
    files: { ...files, [keysName]: `${JSON.stringify(discovery.jwks, null, 2)}\n` },
  };
}

/** JSON's strings are YAML's; what would end a line for some reader is escaped too. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
