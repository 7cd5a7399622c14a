import { z } from 'zod';

/** Google Cloud through a workload identity pool provider. Loads, not built yet. */
export const gcpTarget = z.strictObject({
  provider: z.string().startsWith('//iam.googleapis.com/'),
  serviceAccount: z.string().optional(),
  scopes: z.array(z.string()).optional(),
});
export type GcpTarget = z.infer<typeof gcpTarget>;
