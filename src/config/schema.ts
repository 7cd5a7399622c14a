import { z } from 'zod';
import { ADMIN_ROLES } from '../core/admin-role.ts';
import { isTrustDomain } from '../core/spiffe-id.ts';
import { duration } from '../resources/duration.ts';
import { labelSelector, name } from '../resources/names.ts';
import { issuerAddress } from '../resources/web-address.ts';
import { LOG_LEVELS } from './config.ts';

const text = z.string().min(1).max(2048);
const tls = z.strictObject({ certFile: text, keyFile: text }).optional();
const listener = { host: text, port: z.number().int().min(0).max(65_535) };
const server = z.strictObject({ url: text, passwordFile: text.optional() }).optional();

const roleEntry = z.strictObject({
  role: z.enum(ADMIN_ROLES),
  claim: text,
  value: text,
  labels: labelSelector.optional(),
  grants: z.array(name).min(1).max(100).optional(),
});

/**
 * The shape of carnet.yaml, and by it the names of all environment variables. It holds fields that are not built as
 * well, so that naming one is answered with its name (rules.ts) and not with "unknown field".
 */
export const configSchema = z.strictObject({
  issuer: text,
  trustDomain: z.string().refine(isTrustDomain, 'must be a trust domain name: a-z, 0-9, ".", "-" and "_"'),
  development: z.boolean().default(false),
  listen: z.strictObject({ ...listener, tls }).optional(),
  listeners: z
    .strictObject({
      public: z.strictObject({ ...listener, tls }),
      workload: z.strictObject({ ...listener, url: text, tls }),
      admin: z.strictObject({ ...listener, tls }),
    })
    .optional(),
  resources: z.array(text).min(1),
  requireGrants: z.boolean().default(false),
  secrets: z.record(z.string(), z.unknown()).optional(),
  outbound: z.strictObject({ allowOrigins: z.array(text).default([]) }).default({ allowOrigins: [] }),
  store: z.strictObject({ sqlite: z.strictObject({ path: text }).optional(), postgres: server }),
  cache: z.strictObject({ memory: z.strictObject({}).optional(), redis: server }).optional(),
  signing: z.strictObject({ encryptionKeyFile: text, rotateEvery: duration.default('30d') }),
  audit: z.strictObject({
    directory: text,
    stream: z
      .string()
      .regex(
        /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/,
        'must be at most 63 of a-z, 0-9, "." and "-", and begin and end with a letter or digit',
      )
      .optional(),
  }),
  clouds: z
    .strictObject({
      aws: z.strictObject({ stsEndpoint: text.optional() }).optional(),
      gcp: z
        .strictObject({
          stsEndpoint: text.optional(),
          iamCredentialsEndpoint: text.optional(),
          storageEndpoint: text.optional(),
        })
        .optional(),
      azure: z.strictObject({ authorityHost: text.optional() }).optional(),
    })
    .optional(),
  admin: z
    .strictObject({
      bootstrapTokenFile: text.optional(),
      fourEyes: z.boolean().default(false),
      readOnly: z.boolean().default(false),
      oidc: z
        .strictObject({
          issuer: issuerAddress,
          audience: text,
          roles: z.array(roleEntry).max(100),
        })
        .optional(),
    })
    .optional(),
  log: z.strictObject({ level: z.enum(LOG_LEVELS).default('info') }).default({ level: 'info' }),
});
export type ConfigDocument = z.infer<typeof configSchema>;

/** Fields of which only one may be set: choosing one in the environment takes the others off. */
export const ALTERNATIVES: readonly (readonly string[])[] = [
  ['listen', 'listeners'],
  ['store.sqlite', 'store.postgres'],
  ['cache.memory', 'cache.redis'],
];
