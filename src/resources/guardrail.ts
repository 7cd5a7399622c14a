import { z } from 'zod';
import { duration } from './duration.ts';
import { labels } from './names.ts';

/** `spec` of a Guardrail: an organisation-wide ceiling that can only deny or cap (DESIGN section 5). */
export const guardrailSpec = z.strictObject({
  match: z
    .strictObject({
      issuers: z.array(z.string()).min(1).optional(),
      issuerLabels: labels.optional(),
      notIssuerLabels: labels.optional(),
      namespace: z.string().optional(),
      serviceAccount: z.string().optional(),
      targets: z
        .array(z.enum(['aws', 'gcp', 'azure', 'oauth', 'jwtSvid', 'x509Svid']))
        .min(1)
        .optional(),
      mappings: z.array(z.string()).min(1).optional(),
    })
    .optional(),
  deny: z.string().optional(),
  message: z.string().optional(),
  maxTtl: duration.optional(),
  requirePodBound: z.boolean().optional(),
  requireIntents: z.boolean().optional(),
  modes: z
    .array(z.enum(['enforce', 'report', 'shadow']))
    .min(1)
    .optional(),
});
export type GuardrailSpec = z.infer<typeof guardrailSpec>;
