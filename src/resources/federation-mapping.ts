import { z } from 'zod';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { duration, durationSeconds } from './duration.ts';
import { intents } from './intents.ts';
import { justInTime } from './just-in-time.ts';
import { subject } from './mapping-subject.ts';
import { exactlyOne, present, rule } from './rule.ts';
import { awsTarget } from './targets/aws.ts';
import { azureTarget } from './targets/azure.ts';
import { gcpTarget } from './targets/gcp.ts';
import { jwtSvidTarget } from './targets/jwt-svid.ts';
import { oauthTarget } from './targets/oauth.ts';
import { x509SvidTarget } from './targets/x509-svid.ts';

/** Targets whose power must be said by `intents`. */
const CLOUD_TARGETS = ['aws', 'gcp', 'azure', 'oauth'];
const DEFAULT_MAX_TTL = '1h';
const DURATION = /^[1-9][0-9]{0,7}[smhd]$/;

const instant = z.iso
  .datetime({ offset: true })
  .meta({ description: 'A moment, quoted, RFC 3339.', examples: ['2027-01-31T00:00:00Z'] });

const target = exactlyOne(
  z.strictObject({
    aws: awsTarget.optional(),
    gcp: gcpTarget.optional(),
    azure: azureTarget.optional(),
    oauth: oauthTarget.optional(),
    jwtSvid: jwtSvidTarget.optional(),
    x509Svid: x509SvidTarget.optional(),
  }),
  [...CLOUD_TARGETS, 'jwtSvid', 'x509Svid'],
);

const ttl = rule(
  z.strictObject({ default: duration.optional(), max: duration.optional(), outliveSubject: z.boolean().optional() }),
  (value) => seconds(value['default'], 0) <= seconds(value['max'] ?? DEFAULT_MAX_TTL, Number.POSITIVE_INFINITY),
  { path: ['default'], message: 'must not be above max', hint: `max is ${DEFAULT_MAX_TTL} when it is left out` },
);

function seconds(value: JsonValue | undefined, unread: number): number {
  return typeof value === 'string' && DURATION.test(value) ? durationSeconds(value) : unread;
}

const shape = z.strictObject({
  owner: z.string().min(1).max(320).meta({ description: 'Who answers for this mapping.' }),
  addresses: z
    .array(
      z
        .string()
        .min(1)
        .max(1024)
        .regex(/^[\x21-\x7e]+$/, 'must be visible ASCII without blanks'),
    )
    .max(64)
    .meta({ description: 'Further names by which requests may ask for it; several mappings may share one.' })
    .optional(),
  subject,
  when: z.string().min(1).max(4096).meta({ description: 'A CEL condition. What is not true is refused.' }).optional(),
  target,
  intents: intents.meta({ description: 'What the workload is for, or unrestricted.' }).optional(),
  residual: z
    .strictObject({ accept: z.array(z.enum(['intents', 'ttl'])).min(1), reason: z.string().min(1).max(1024) })
    .meta({ description: 'What the cloud does not enforce and the owner accepts, with the reason.' })
    .optional(),
  ttl: ttl.optional(),
  deliver: z.enum(['credentials', 'assertion']).default('credentials'),
  mode: z.enum(['enforce', 'report', 'shadow']).default('enforce'),
  until: instant.meta({ description: 'End of mode report, at most 30 days ahead.' }).optional(),
  access: z.union([z.literal('standing'), z.strictObject({ justInTime })]).default('standing'),
  expiresAt: instant.optional(),
  shareAcrossPods: z
    .boolean()
    .meta({ description: 'Pods of one ServiceAccount may be given one and the same credential of a cloud.' })
    .optional(),
  replay: z
    .literal('once')
    .meta({ description: 'Each token may be used once only, and must have a `jti`.' })
    .optional(),
});

const withIntents = rule(shape, (spec) => spec['intents'] !== undefined || !hasTarget(spec, CLOUD_TARGETS), {
  path: ['intents'],
  message: 'is required for a cloud target',
  hint: 'name the intents, or write intents: unrestricted for all that the target allows',
});
const withUntil = rule(withIntents, (spec) => (spec['mode'] === 'report') === (spec['until'] !== undefined), {
  path: ['until'],
  message: 'belongs to mode: report, which needs it',
});
const withCloud = rule(withUntil, (spec) => !isAssertion(spec) || !hasTarget(spec, ['jwtSvid', 'x509Svid']), {
  path: ['deliver'],
  message: 'must not be assertion for an SVID, which is delivered as it is',
});
const withTtlAccepted = rule(withCloud, (spec) => !isAssertion(spec) || accepts(spec, 'ttl'), {
  path: ['residual', 'accept'],
  message: 'must hold ttl when an assertion is delivered',
  hint: 'Carnet cannot shorten what the workload gets for an assertion',
});

const withEnd = rule(withTtlAccepted, (spec) => !isAssertion(spec) || !isJsonObject(spec['access'] ?? null), {
  path: ['deliver'],
  message: 'must not be assertion with just-in-time access',
  hint: 'what the cloud gives for an assertion would outlive the access',
});

/** `spec` of a FederationMapping: who may have which credential, how narrow, how long, when (DESIGN section 5). */
export const federationMappingSpec = rule(
  withEnd,
  (spec) => !isAssertion(spec) || !Array.isArray(spec['intents']) || accepts(spec, 'intents'),
  {
    path: ['residual', 'accept'],
    message: 'must hold intents when an assertion is delivered, unless they are unrestricted',
    hint: 'Carnet cannot narrow what the workload gets for an assertion',
  },
);
export type FederationMappingSpec = z.infer<typeof federationMappingSpec>;

function hasTarget(spec: JsonObject, kinds: readonly string[]): boolean {
  const { target } = spec;
  return target !== undefined && isJsonObject(target) && present(target, kinds).length > 0;
}

function isAssertion(spec: JsonObject): boolean {
  return spec['deliver'] === 'assertion';
}

function accepts(spec: JsonObject, residue: string): boolean {
  const { residual } = spec;
  const accept = isJsonObject(residual) ? residual['accept'] : undefined;
  return Array.isArray(accept) && accept.includes(residue);
}
