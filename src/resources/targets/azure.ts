import { z } from 'zod';

/** An Entra application or managed identity. Loads, not built yet. */
export const azureTarget = z.strictObject({
  tenant: z.string(),
  clientId: z.string(),
  scopes: z.array(z.string()).min(1),
});
export type AzureTarget = z.infer<typeof azureTarget>;
