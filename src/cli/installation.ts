import { UnsteadyFiles } from '../catalog/file-source.ts';
import { type ResourceReading, readResources } from '../catalog/read-resources.ts';
import type { Config } from '../config/config.ts';
import { type Compiled, compile } from '../policy/compile.ts';
import { conditionsFor } from '../policy/conditions/conditions-for.ts';
import { CommandError, ExitCode } from './exit-code.ts';

/** What resources are judged by, beside their own text. */
export interface Installation {
  readonly trustDomain: string;
  readonly ownIssuers: readonly string[];
  readonly development: boolean;
  readonly resources: readonly string[];
  readonly requireGrants: boolean;
  readonly allowOrigins: readonly string[];
  readonly ownCluster: { readonly server: string };
  /** Absent where there is no admin API. */
  readonly adminAudience?: string;
}

/** Resources for a Carnet in a cluster are read anywhere: there, this name is the API server's. */
export const ANY_CLUSTER = { server: 'https://kubernetes.default.svc' };

export function installationOf(configuration: Config): Installation {
  const {
    issuer,
    trustDomain,
    development,
    resources,
    requireGrants,
    outbound,
    admin,
    ownCluster = ANY_CLUSTER,
  } = configuration;
  const { allowOrigins } = outbound;
  return {
    trustDomain,
    ownIssuers: [issuer, `${issuer}/svid`],
    development,
    resources,
    requireGrants,
    allowOrigins,
    ownCluster,
    ...(admin.oidc !== undefined && { adminAudience: admin.oidc.audience }),
  };
}

/** All resources as a fresh installation would take them. Throws CommandError `unavailable` while their files change. */
export async function readInstallation(
  { development, resources, ...installation }: Installation,
  now: number,
): Promise<{ reading: ResourceReading; compiled: Compiled }> {
  const reading = await readResources(resources, { development, now }).catch((error: unknown) => {
    if (error instanceof UnsteadyFiles) throw new CommandError(ExitCode.unavailable, error.message, { cause: error });
    throw error;
  });
  const compiled = compile({
    documents: reading.documents,
    firstSeen: () => undefined,
    lastGood: [],
    conditions: await conditionsFor(reading.documents),
    context: installation,
  });
  return { reading, compiled };
}
