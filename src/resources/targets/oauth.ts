import { z } from 'zod';

/** Any RFC 8693 or RFC 7523 server. Loads, not built yet. */
export const oauthTarget = z.strictObject({
  issuer: z.url({ protocol: /^https?$/ }).max(2048),
  scopes: z.array(z.string().min(1).max(1024)).min(1).max(64).optional(),
});
export type OauthTarget = z.infer<typeof oauthTarget>;
