import { z } from 'zod';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { isPrivateJwk } from '../core/private-jwk.ts';
import { isPathSegment, isTrustDomain } from '../core/spiffe-id.ts';
import { duration, durationSeconds } from './duration.ts';
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

/** What is in a document is stored, kept in its history and shown to whoever may read it. */
const publicJwk = z
  .looseObject({})
  .refine((jwk) => !isPrivateJwk(jwk), 'has members of a private key: give the public one');

const staticKeys = exactlyOne(
  z.strictObject({
    jwksFile: file.optional(),
    jwks: z.looseObject({ keys: z.array(publicJwk).min(1).max(64) }).optional(),
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
    inCluster: z
      .strictObject({})
      .meta({ description: 'Keys of the cluster that Carnet runs in, with its own ServiceAccount.' })
      .optional(),
    kubeconfig: z
      .strictObject({ file, context: z.string().min(1).max(1024).optional() })
      .meta({ description: 'Keys from the API server of a kubeconfig, read at each fetch. Token or tokenFile only.' })
      .optional(),
    push: z.strictObject({}).meta({ description: 'Keys that the cluster sends. Not built yet.' }).optional(),
  }),
  ['discovery', 'jwks', 'static', 'inCluster', 'kubeconfig', 'push'],
);

const reviewAddress = webAddress
  .refine((text) => !text.includes('?'), 'must not have a query')
  .meta({ description: 'Base address of the API server.', examples: ['https://10.7.0.1:6443'] });

const kubernetes = z.strictObject({
  cluster: z.string().max(253).refine(isPathSegment, 'must be letters, digits, ., - and _').optional(),
  tokenReview: z
    .strictObject({
      mode: z.enum(['never', 'prefer', 'require']),
      url: reviewAddress.optional(),
      caFile: file.optional(),
      bearerTokenFile: file.optional(),
    })
    .meta({
      description:
        'Whether the API server is asked if a verified token still counts. Address, CA and bearer default to those of keys.',
    })
    .optional(),
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

/** By so much ended tokens are accepted; what remembers used ones (exchange/single-use.ts) counts on the bound (V9). */
const clockSkew = duration
  // What is no duration has its own fault.
  .refine((text) => !(durationSeconds(text) > 60), 'must be 60s at most: set the clocks right')
  .meta({
    description: 'How far the clocks of the issuer and of Carnet may be apart: 60s at most.',
    examples: ['30s'],
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
  clockSkew: clockSkew.default('30s'),
  replay: z
    .literal('once')
    .meta({ description: 'Each token may be used once only, and must have a `jti`.' })
    .optional(),
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

/** A review needs an API server and a bearer for it; what cannot be read here is another rule's fault. */
function hasReviewer({ keys, kubernetes, issuer }: JsonObject): boolean {
  const review = objectAt(kubernetes, 'tokenReview');
  if (review === undefined || review['mode'] === 'never') return true;
  if (review['url'] === undefined && isJsonObject(keys) && present(keys, ['inCluster', 'kubeconfig']).length > 0) {
    return true;
  }
  const discovery = objectAt(keys, 'discovery') ?? {};
  const asked = discovery['url'] ?? (discovery['bearerTokenFile'] === undefined ? undefined : issuer);
  if (review['url'] === undefined && asked === undefined) return false;
  if (review['bearerTokenFile'] !== undefined) return true;
  return discovery['bearerTokenFile'] !== undefined && isSameOrigin(review['url'] ?? asked, asked);
}

function objectAt(value: JsonValue | undefined, field: string): JsonObject | undefined {
  const found = isJsonObject(value) ? value[field] : undefined;
  return isJsonObject(found) ? found : undefined;
}

function isSameOrigin(one: JsonValue | undefined, other: JsonValue | undefined): boolean {
  if (typeof one !== 'string' || typeof other !== 'string' || !URL.canParse(one) || !URL.canParse(other)) return true;
  return new URL(one).origin === new URL(other).origin;
}

const withReviewer = rule(withKeys, hasReviewer, {
  path: ['kubernetes', 'tokenReview'],
  message: 'has no API server to ask, or no bearer token for it',
  hint: 'give it url and bearerTokenFile, or take the keys from the API server: keys.discovery with url and bearerTokenFile, keys.inCluster or keys.kubeconfig',
});

/** `spec` of a TrustedIssuer: somebody whose tokens Carnet accepts (DESIGN section 5). */
export const trustedIssuerSpec = rule(withReviewer, hasDistinctIssuers, {
  path: ['previousIssuers'],
  message: 'must not repeat an issuer',
});
export type TrustedIssuerSpec = z.infer<typeof trustedIssuerSpec>;
