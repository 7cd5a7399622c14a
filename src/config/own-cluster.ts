import { isIPv6 } from 'node:net';
import type { Environment } from './environment.ts';

/**
 * The API server of the cluster that this process is a pod of, from what kubelets tell every pod; an IPv6 address gets
 * its brackets (K12). Undefined outside a cluster, and for values that make no address.
 */
export function ownClusterOf(environment: Environment): { readonly server: string } | undefined {
  const host = environment['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '';
  if (!/^[0-9A-Za-z.:-]{1,253}$/.test(host) || !/^[1-9][0-9]{0,4}$/.test(port)) return undefined;
  const url = URL.parse(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`);
  return url === null ? undefined : { server: url.origin };
}
