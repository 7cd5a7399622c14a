import { z } from 'zod';
import { isPathSegment, isTrustDomain } from '../core/spiffe-id.ts';
import { duration } from './duration.ts';
import { exactlyOne, present, rule } from './rule.ts';
import { claimsPath, kubernetesPath } from './spiffe-path.ts';
import { issuerAddress, webAddress } from './web-address.ts';

const file = z.string().min(1).max(4096).meta({ description: 'A file, relative to the document that names it.' });

const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'Ed25519',
] as const;

function unique<T extends z.ZodType<string>>(item: T, most: number) {
  return z
    .array(item)
    .min(1)
    .max(most)
    .refine((items) => new Set(items).size === items.length, 'must not name one twice');
}

const staticKeys = exactlyOne(
  z.strictObject({
    jwksFile: file.optional(),
    jwks: z.looseObject({ keys: z.array(z.looseObject({})).min(1).max(64) }).optional(),
  }),
  ['jwksFile', 'jwks'],
);

const keys = exactlyOne(
  z.strictObject({
    discovery: z
      .strictObject({
        url: webAddress.optional(),
        jwksUri: webAddress.optional(),
        caFile: file.optional(),
        bearerTokenFile: file.optional(),
      })
      .meta({ description: 'Keys through an OpenID Connect discovery document.' })
      .optional(),
    jwks: z
      .strictObject({ url: webAddress, caFile: file.optional() })
      .meta({ description: 'Keys straight from a JWKS address.' })
      .optional(),
    static: staticKeys.meta({ description: 'Keys from a file or from this document.' }).optional(),
    push: z.strictObject({}).meta({ description: 'Keys that the cluster sends. Not built yet.' }).optional(),
  }),
  ['discovery', 'jwks', 'static', 'push'],
);

const kubernetes = z.strictObject({
  cluster: z.string().max(253).refine(isPathSegment, 'must be letters, digits, ., - and _').optional(),
  tokenReview: z.strictObject({ mode: z.enum(['never', 'prefer', 'require']) }).optional(),
  spiffePath: kubernetesPath.optional(),
});

const oidc = z.strictObject({
  requireClaims: z.record(z.string().min(1).max(128), z.string().min(1).max(1024)).optional(),
  spiffePath: claimsPath.optional(),
});

const spiffe = z.strictObject({
  trustDomain: z.string().refine(isTrustDomain, 'must be a lower-case trust domain name'),
  bundle: exactlyOne(z.strictObject({ url: webAddress.optional(), caFile: file.optional(), file: file.optional() }), [
    'url',
    'file',
  ]),
});

const shape = z.strictObject({
  issuer: issuerAddress,
  previousIssuers: z
    .array(z.strictObject({ issuer: issuerAddress, notAfter: z.iso.datetime({ offset: true }) }))
    .max(8)
    .meta({ description: 'Former values of `iss`, each accepted until its end.' })
    .optional(),
  audiences: unique(z.string().min(1).max(1024), 16).meta({
    description: 'A token must carry one of these and no other.',
  }),
  allowExtraAudiences: z.boolean().default(false),
  algorithms: unique(z.enum(ALGORITHMS), ALGORITHMS.length).default(['RS256', 'ES256']),
  maxTokenLifetime: duration.default('24h'),
  clockSkew: duration.default('30s'),
  keys: keys.optional(),
  kubernetes: kubernetes.optional(),
  oidc: oidc.optional(),
  spiffe: spiffe.optional(),
});

const withProfile = exactlyOne(shape, ['kubernetes', 'oidc', 'spiffe']);
const withKeys = rule(withProfile, (spec) => present(spec, ['keys', 'spiffe']).length > 0, {
  path: ['keys'],
  message: 'is required',
  hint: 'keys: { discovery: {} } takes them from the discovery document of the issuer',
});

function hasDistinctIssuers(spec: Readonly<Record<string, unknown>>): boolean {
  if (!Array.isArray(spec['previousIssuers'])) return true;
  const all = [spec['issuer'], ...spec['previousIssuers'].map((previous) => previous?.issuer)];
  return new Set(all).size === all.length;
}

/** `spec` of a TrustedIssuer: somebody whose tokens Carnet accepts (DESIGN section 5). */
export const trustedIssuerSpec = rule(withKeys, hasDistinctIssuers, {
  path: ['previousIssuers'],
  message: 'must not repeat an issuer',
});
export type TrustedIssuerSpec = z.infer<typeof trustedIssuerSpec>;
