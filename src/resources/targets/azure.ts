import { z } from 'zod';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** An Entra application or managed identity. Loads, not built yet. */
export const azureTarget = z.strictObject({
  tenant: z.string().regex(UUID, 'must be the id of a tenant'),
  clientId: z.string().regex(UUID, 'must be the id of an application or managed identity'),
  scopes: z.array(z.string().min(1).max(1024)).min(1).max(64),
});
export type AzureTarget = z.infer<typeof azureTarget>;

/** The audiences of assertions for Entra, public and sovereign. */
export const AZURE_AUDIENCES = [
  'api://AzureADTokenExchange',
  'api://AzureADTokenExchangeUSGov',
  'api://AzureADTokenExchangeChina',
] as const;

/** How requests may name the client: its id, or its default application id URI. */
export function azureClientNames({ clientId }: AzureTarget): readonly string[] {
  return [clientId, `api://${clientId}`];
}
