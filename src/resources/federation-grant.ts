import { z } from 'zod';
import { duration } from './duration.ts';

/** `spec` of a FederationGrant: which authors may map to which targets. Loads, not built yet, and may still change. */
export const federationGrantSpec = z.strictObject({
  from: z.looseObject({}),
  to: z.looseObject({}),
  maxTtl: duration.optional(),
});
export type FederationGrantSpec = z.infer<typeof federationGrantSpec>;
