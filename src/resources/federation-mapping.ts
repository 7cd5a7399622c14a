import { z } from 'zod';
import { duration } from './duration.ts';
import { labels } from './names.ts';
import { awsTarget } from './targets/aws.ts';
import { azureTarget } from './targets/azure.ts';
import { gcpTarget } from './targets/gcp.ts';
import { jwtSvidTarget } from './targets/jwt-svid.ts';
import { oauthTarget } from './targets/oauth.ts';
import { x509SvidTarget } from './targets/x509-svid.ts';

export const INTENTS = [
  'object.read',
  'object.write',
  'object.list',
  'object.delete',
  'queue.publish',
  'queue.consume',
  'secret.read',
  'key.encrypt',
  'key.decrypt',
  'image.pull',
] as const;

/** `spec` of a FederationMapping: who may have which credential, how narrow, how long, when (DESIGN section 5). */
export const federationMappingSpec = z.strictObject({
  owner: z.string().min(1),
  addresses: z.array(z.string().min(1).max(1024)).max(64).optional(),
  subject: z.strictObject({
    issuer: z.string().optional(),
    issuerSelector: labels.optional(),
    namespace: z.string().optional(),
    serviceAccount: z.string().optional(),
    claims: z.record(z.string(), z.string()).optional(),
    spiffeId: z.string().optional(),
    binding: z.enum(['pod', 'any']).optional(),
  }),
  when: z.string().optional(),
  target: z.strictObject({
    aws: awsTarget.optional(),
    gcp: gcpTarget.optional(),
    azure: azureTarget.optional(),
    oauth: oauthTarget.optional(),
    jwtSvid: jwtSvidTarget.optional(),
    x509Svid: x509SvidTarget.optional(),
  }),
  intents: z
    .union([
      z.literal('unrestricted'),
      z
        .array(z.strictObject({ allow: z.enum(INTENTS), resource: z.record(z.string(), z.string()) }))
        .min(1)
        .max(10),
    ])
    .optional(),
  residual: z
    .strictObject({ accept: z.array(z.enum(['intents', 'ttl'])).min(1), reason: z.string().min(1) })
    .optional(),
  ttl: z
    .strictObject({ default: duration.optional(), max: duration.optional(), outliveSubject: z.boolean().optional() })
    .optional(),
  deliver: z.enum(['credentials', 'assertion']).default('credentials'),
  mode: z.enum(['enforce', 'report', 'shadow']).default('enforce'),
  until: z.iso.datetime().optional(),
  access: z.union([z.literal('standing'), z.strictObject({ justInTime: z.looseObject({}) })]).default('standing'),
  expiresAt: z.iso.datetime().optional(),
  shareAcrossPods: z.boolean().optional(),
  replay: z.literal('once').optional(),
});
export type FederationMappingSpec = z.infer<typeof federationMappingSpec>;
