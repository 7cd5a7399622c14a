import { z } from 'zod';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The clouds of Entra: where each signs in, the audience that its federated credentials want (clouds.md 1.3, 2.5), and
 * the domain of its container registries.
 */
export const AZURE_CLOUDS = {
  public: {
    authority: 'https://login.microsoftonline.com',
    audience: 'api://AzureADTokenExchange',
    registries: 'azurecr.io',
  },
  usGovernment: {
    authority: 'https://login.microsoftonline.us',
    audience: 'api://AzureADTokenExchangeUSGov',
    registries: 'azurecr.us',
  },
  china: {
    authority: 'https://login.partner.microsoftonline.cn',
    audience: 'api://AzureADTokenExchangeChina',
    registries: 'azurecr.cn',
  },
} as const;

/** A token is for one resource, and federation gives whatever the application may do there. */
const scope = z
  .string()
  .max(1024)
  .regex(
    /^[\x21\x23-\x5b\x5d-\x7e]+\/\.default$/,
    'must be one resource and /.default, as https://storage.azure.com/.default',
  );

/** An Entra application or managed identity. */
export const azureTarget = z.strictObject({
  tenant: z.string().regex(UUID, 'must be the id of a tenant'),
  clientId: z.string().regex(UUID, 'must be the id of an application or managed identity'),
  scopes: z
    .array(scope)
    .min(1)
    .max(64)
    .refine((scopes) => new Set(scopes).size === scopes.length, 'names a scope twice')
    .meta({ description: 'Each for a token of its own; a request by name needs that there is only one.' }),
  cloud: z
    .enum(['public', 'usGovernment', 'china'])
    .meta({ description: "Which of Entra's clouds the tenant is in. Default public." })
    .optional(),
});
export type AzureTarget = z.infer<typeof azureTarget>;

/** The audiences of assertions for Entra, public and sovereign. */
export const AZURE_AUDIENCES: readonly string[] = Object.values(AZURE_CLOUDS).map(({ audience }) => audience);

/** How requests may name the client: its id, or its default application id URI. */
export function azureClientNames({ clientId }: Pick<AzureTarget, 'clientId'>): readonly string[] {
  return [clientId, `api://${clientId}`];
}

/** The resources that the scopes are of: audiences of Entra's tokens. */
export function azureResources({ scopes }: Pick<AzureTarget, 'scopes'>): readonly string[] {
  return scopes.map((one) => one.replace(/\/\.default$/, ''));
}

/** What a token request of Entra's own shape names: one address for each scope, so that tenant, client and scope select. */
export function azureRequestAddress(tenant: string, clientId: string, scope: string): string {
  return `azure:${tenant.toLowerCase()}:${clientId.toLowerCase()}:${scope}`;
}

/** All addresses of an Azure target; the client's name alone is one only where there is one scope to choose. */
export function azureAddresses({ tenant, clientId, scopes }: AzureTarget): readonly string[] {
  const names = scopes.length === 1 ? azureClientNames({ clientId }) : [];
  return [...names, ...scopes.map((scope) => azureRequestAddress(tenant, clientId, scope))];
}

/** The scope that an address of the mapping means: the one that it names, or the only one. */
export function azureScopeOf({ tenant, clientId, scopes }: AzureTarget, address: string): string | undefined {
  const named = scopes.find((scope) => azureRequestAddress(tenant, clientId, scope) === address);
  return named ?? (scopes.length === 1 ? scopes[0] : undefined);
}
