import { z } from 'zod';

/** Any RFC 8693 or RFC 7523 server, found by its metadata. */
export const oauthTarget = z.strictObject({
  issuer: z.url({ protocol: /^https?$/ }).max(2048),
  grantType: z
    .enum(['token-exchange', 'jwt-bearer'])
    .default('token-exchange')
    .meta({ description: 'RFC 8693 with the assertion as subject token, or RFC 7523 with it as the grant.' }),
  clientId: z.string().min(1).max(1024).optional(),
  audience: z.string().min(1).max(1024).optional(),
  resource: z.url().max(1024).optional(),
  scopes: z.array(z.string().min(1).max(1024)).min(1).max(64).optional(),
});
export type OauthTarget = z.infer<typeof oauthTarget>;
