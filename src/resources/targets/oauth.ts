import { z } from 'zod';

/** Any RFC 8693 or RFC 7523 server. Loads, not built yet. */
export const oauthTarget = z.strictObject({
  issuer: z.string(),
  scopes: z.array(z.string()).optional(),
});
export type OauthTarget = z.infer<typeof oauthTarget>;
