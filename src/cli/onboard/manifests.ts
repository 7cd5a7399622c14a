import { posix } from 'node:path';
import { FILES_FOLDER, type Surface } from './surface.ts';

/** A Kubernetes workload that gets a surface. */
export interface Workload {
  readonly mapping: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly container: string;
  /** Of its projected token: one of the TrustedIssuer's. */
  readonly audience: string;
  readonly expirationSeconds: number;
  readonly tokenFile: string;
}

/** A Pod with the projected token, the environment and the files of a surface. */
export function podManifest(workload: Workload, surface: Surface): string {
  const { mapping, namespace, serviceAccount, container } = workload;
  const files = Object.entries(surface.files);
  const configMap =
    files.length === 0
      ? ''
      : `apiVersion: v1
kind: ConfigMap
metadata: { name: ${filesName(mapping)}, namespace: ${quoted(namespace)} }
data:
${files.map(([name, text]) => `  ${name}: ${quoted(text)}\n`).join('')}---
`;
  return `${configMap}apiVersion: v1
kind: Pod
metadata: { name: ${quoted(mapping)}, namespace: ${quoted(namespace)} }
spec:
  serviceAccountName: ${quoted(serviceAccount)}
  automountServiceAccountToken: false # Carnet needs none for the API server
  containers:
    - name: ${quoted(container)}
      image: registry.example.org/yours:1.0.0
${indented(6, containerPart(surface, workload))}
${indented(2, volumesPart(surface, workload))}
`;
}

/** A Kustomize component: every Deployment with the label `carnet.dev/mapping: NAME` gets the surface. */
export function kustomizeComponent(workload: Workload, surface: Surface): string {
  const { mapping, serviceAccount, container } = workload;
  const literals = Object.entries(surface.files).map(([name, text]) => `      - ${quoted(`${name}=${text}`)}\n`);
  const generator =
    literals.length === 0
      ? ''
      : `configMapGenerator:\n  - name: ${filesName(mapping)}\n    literals:\n${literals.join('')}`;
  return `apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
${generator}patches:
  - target: { kind: Deployment, labelSelector: "carnet.dev/mapping=${mapping}" }
    patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata: { name: any }
      spec:
        template:
          spec:
            serviceAccountName: ${quoted(serviceAccount)}
            containers:
              - name: ${quoted(container)}
${indented(16, containerPart(surface, workload))}
${indented(12, volumesPart(surface, workload))}
`;
}

function containerPart({ environment, files }: Surface, { tokenFile }: Workload): string {
  const variables = Object.entries(environment).map(
    ([name, value]) => `  - { name: ${name}, value: ${quoted(value)} }\n`,
  );
  const mounts = [
    `  - { name: carnet-token, mountPath: ${quoted(posix.dirname(tokenFile))}, readOnly: true }`,
    ...(Object.keys(files).length === 0
      ? []
      : [`  - { name: carnet-files, mountPath: ${FILES_FOLDER}, readOnly: true }`]),
  ];
  return `env:\n${variables.join('')}volumeMounts:\n${mounts.join('\n')}`;
}

function volumesPart({ files }: Surface, { mapping, audience, expirationSeconds, tokenFile }: Workload): string {
  const configMap =
    Object.keys(files).length === 0 ? '' : `\n  - name: carnet-files\n    configMap: { name: ${filesName(mapping)} }`;
  return `volumes:
  - name: carnet-token
    projected:
      sources:
        - serviceAccountToken:
            path: ${quoted(posix.basename(tokenFile))}
            audience: ${quoted(audience)}
            expirationSeconds: ${expirationSeconds}${configMap}`;
}

function filesName(mapping: string): string {
  return `carnet-${mapping}`;
}

/** JSON's strings are YAML's double-quoted ones. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function indented(by: number, text: string): string {
  return text
    .split('\n')
    .map((line) => ' '.repeat(by) + line)
    .join('\n');
}
