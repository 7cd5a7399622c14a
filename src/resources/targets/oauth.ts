import { z } from 'zod';
import { issuerAddress } from '../web-address.ts';

/** Google Cloud takes a provider's own name, spelled as a URL, for an audience of its own (clouds.md 1.2). */
const GOOGLE = 'iam.googleapis.com';

const issuer = issuerAddress
  .refine((text) => URL.parse(text)?.hostname !== GOOGLE, 'is Google Cloud, which is target.gcp')
  .meta({ description: "The server's issuer, byte for byte; audience of the assertion." });
const scope = z
  .string()
  .max(1024)
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be one word of scope: visible ASCII without blanks, " and \\');

/** Any RFC 8693 or RFC 7523 server, found by its metadata. */
export const oauthTarget = z.strictObject({
  issuer,
  grantType: z
    .enum(['token-exchange', 'jwt-bearer'])
    .default('token-exchange')
    .meta({ description: 'RFC 8693 with the assertion as subject token, or RFC 7523 with it as the grant.' }),
  clientId: z.string().min(1).max(1024).optional(),
  audience: z.string().min(1).max(1024).optional(),
  resource: z
    .url()
    .max(1024)
    .refine((text) => !text.includes('#'), 'must not have a fragment')
    .optional(),
  scopes: z.array(scope).min(1).max(64).optional(),
});
export type OauthTarget = z.infer<typeof oauthTarget>;
