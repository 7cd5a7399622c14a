import { z } from 'zod';
import { duration } from './duration.ts';

const url = z.string().min(1).max(2048);
const file = z.string().min(1);
const spiffePath = z.string().startsWith('/');

/** `spec` of a TrustedIssuer: somebody whose tokens Carnet accepts (DESIGN section 5). */
export const trustedIssuerSpec = z.strictObject({
  issuer: url,
  previousIssuers: z.array(z.strictObject({ issuer: url, notAfter: z.iso.datetime() })).optional(),
  audiences: z.array(z.string().min(1)).min(1).max(16),
  allowExtraAudiences: z.boolean().default(false),
  algorithms: z
    .array(z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'Ed25519']))
    .min(1)
    .default(['RS256', 'ES256']),
  maxTokenLifetime: duration.default('24h'),
  clockSkew: duration.default('30s'),
  keys: z.strictObject({
    discovery: z
      .strictObject({
        url: url.optional(),
        jwksUri: url.optional(),
        caFile: file.optional(),
        bearerTokenFile: file.optional(),
      })
      .optional(),
    jwks: z.strictObject({ url, caFile: file.optional() }).optional(),
    static: z
      .strictObject({ jwksFile: file.optional(), jwks: z.looseObject({ keys: z.array(z.looseObject({})) }).optional() })
      .optional(),
    push: z.strictObject({}).optional(),
  }),
  kubernetes: z
    .strictObject({
      cluster: z.string().optional(),
      tokenReview: z.strictObject({ mode: z.enum(['never', 'prefer', 'require']) }).optional(),
      spiffePath: spiffePath.optional(),
    })
    .optional(),
  oidc: z
    .strictObject({ requireClaims: z.record(z.string(), z.string()).optional(), spiffePath: spiffePath.optional() })
    .optional(),
  spiffe: z
    .strictObject({
      trustDomain: z.string(),
      bundle: z.strictObject({ url: url.optional(), caFile: file.optional(), file: file.optional() }),
    })
    .optional(),
});
export type TrustedIssuerSpec = z.infer<typeof trustedIssuerSpec>;
