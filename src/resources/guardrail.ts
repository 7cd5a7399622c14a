import { z } from 'zod';
import { duration } from './duration.ts';
import { namespaceMatcher, serviceAccountMatcher } from './matchers.ts';
import { labelSelector, name } from './names.ts';
import { present, rule } from './rule.ts';

const mappingName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)?$/, 'must be the name of a mapping')
  .max(127);

const EFFECTS = ['deny', 'maxTtl', 'requirePodBound', 'requireIntents', 'modes'];

/** `spec` of a Guardrail: an organisation-wide ceiling that can only deny or cap (DESIGN section 5). */
export const guardrailSpec = rule(
  z.strictObject({
    match: z
      .strictObject({
        issuers: z.array(name).min(1).optional(),
        issuerLabels: labelSelector.optional(),
        notIssuerLabels: labelSelector.optional(),
        namespace: namespaceMatcher.optional(),
        serviceAccount: serviceAccountMatcher.optional(),
        targets: z
          .array(z.enum(['aws', 'gcp', 'azure', 'oauth', 'jwtSvid', 'x509Svid']))
          .min(1)
          .optional(),
        mappings: z.array(mappingName).min(1).optional(),
      })
      .meta({ description: 'Whom it is for; absent is everybody.' })
      .optional(),
    deny: z
      .string()
      .min(1)
      .max(4096)
      .meta({ description: 'A CEL condition, or "true" for all that it matches. An error denies.' })
      .optional(),
    message: z.string().max(1024).meta({ description: 'For the audit record and explain.' }).optional(),
    maxTtl: duration.optional(),
    requirePodBound: z.boolean().optional(),
    requireIntents: z.boolean().optional(),
    breakGlass: z
      .literal(true)
      .meta({
        description: 'Denies nobody who comes by break-glass; its maxTtl goes on to cap. Absent: it denies them too.',
      })
      .optional(),
    modes: z
      .array(z.enum(['enforce', 'report', 'shadow']))
      .min(1)
      .optional(),
  }),
  (spec) => present(spec, EFFECTS).length > 0,
  { message: 'must have an effect', hint: `one of ${EFFECTS.join(', ')}` },
);
export type GuardrailSpec = z.infer<typeof guardrailSpec>;
