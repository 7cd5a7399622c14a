import { z } from 'zod';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The clouds of Entra: where each signs in, and the audience that its federated credentials want (clouds.md 1.3, 2.5). */
export const AZURE_CLOUDS = {
  public: { authority: 'https://login.microsoftonline.com', audience: 'api://AzureADTokenExchange' },
  usGovernment: { authority: 'https://login.microsoftonline.us', audience: 'api://AzureADTokenExchangeUSGov' },
  china: { authority: 'https://login.partner.microsoftonline.cn', audience: 'api://AzureADTokenExchangeChina' },
} as const;

/** An Entra application or managed identity. */
export const azureTarget = z.strictObject({
  tenant: z.string().regex(UUID, 'must be the id of a tenant'),
  clientId: z.string().regex(UUID, 'must be the id of an application or managed identity'),
  scopes: z.array(z.string().min(1).max(1024)).min(1).max(64),
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

/** What a token request of Entra's own shape names: one address for each scope, so that tenant, client and scope select. */
export function azureRequestAddress(tenant: string, clientId: string, scope: string): string {
  return `azure:${tenant.toLowerCase()}:${clientId.toLowerCase()}:${scope}`;
}

/** All addresses of an Azure target. */
export function azureAddresses({ tenant, clientId, scopes }: AzureTarget): readonly string[] {
  return [...azureClientNames({ clientId }), ...scopes.map((scope) => azureRequestAddress(tenant, clientId, scope))];
}
