/** The clouds that can be told to trust Carnet, each with what it is told. */
export const CLOUDS = {
  aws: 'OIDC provider and trust policies of roles',
  gcp: 'workload identity pool and provider, and who may act as which service account',
  azure: 'federated identity credentials of applications',
} as const;
export type Cloud = keyof typeof CLOUDS;
export const CLOUD_NAMES = ['aws', 'gcp', 'azure'] as const satisfies readonly Cloud[];
