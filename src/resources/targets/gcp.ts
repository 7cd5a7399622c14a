import { z } from 'zod';
import { rule } from '../rule.ts';

/** Ids that begin with a hyphen would be options on Google's own command line. */
const PROVIDER =
  /^\/\/iam\.googleapis\.com\/projects\/\d{1,20}\/locations\/global\/workloadIdentityPools\/[a-z0-9][a-z0-9-]{3,31}\/providers\/[a-z0-9][a-z0-9-]{3,31}$/;

const serviceAccount = z
  .string()
  .max(254)
  .regex(/^[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com$/, 'must be the email of a service account');

const fields = z.strictObject({
  provider: z
    .string()
    .regex(
      PROVIDER,
      'must be //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER',
    ),
  serviceAccount: serviceAccount
    .meta({ description: 'Impersonated; without one the federated token itself is given out.' })
    .optional(),
  delegates: z
    .array(serviceAccount)
    .min(1)
    .max(4)
    .meta({ description: 'Service accounts on the way to serviceAccount, in order.' })
    .optional(),
  idToken: z
    .strictObject({ audience: z.string().min(1).max(1024) })
    .meta({ description: 'An ID token of serviceAccount for this audience, in place of an access token.' })
    .optional(),
  scopes: z.array(z.url().max(1024)).min(1).max(64).optional(),
});

const withAccount = rule(
  fields,
  (target) => target['serviceAccount'] !== undefined || (target['idToken'] ?? target['delegates']) === undefined,
  { path: ['serviceAccount'], message: 'is required beside idToken and delegates' },
);
/** Google Cloud through a workload identity pool provider. */
export const gcpTarget = rule(
  withAccount,
  (target) => !(target['idToken'] !== undefined && target['scopes'] !== undefined),
  {
    path: ['scopes'],
    message: 'must not stand beside idToken: an ID token has an audience and no scopes',
  },
);
export type GcpTarget = z.infer<typeof gcpTarget>;

/** Both spellings of the audience that an assertion for this provider has. */
export function gcpAudiences({ provider }: GcpTarget): readonly string[] {
  return [provider, `https:${provider}`];
}
